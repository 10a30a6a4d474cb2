"""Methods that presets are compared with."""
