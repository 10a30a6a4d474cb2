"""Survey section 3.2: registration by reinforcement learning."""
