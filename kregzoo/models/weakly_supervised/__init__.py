"""Survey section 4.2: dual and weakly supervised transformation estimation."""
