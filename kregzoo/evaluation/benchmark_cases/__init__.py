"""The work that the benchmark times, in our implementation and in others."""
