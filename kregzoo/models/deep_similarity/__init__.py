"""Survey section 3.1: deep similarity metrics for iterative registration."""
