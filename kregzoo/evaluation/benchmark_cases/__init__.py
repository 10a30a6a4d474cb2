"""What the benchmark times: our implementations beside those of others."""
