"""Survey section 4.1: fully supervised transformation estimation."""
