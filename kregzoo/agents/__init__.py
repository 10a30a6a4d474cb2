"""Registration by agents: actions, observations, environments and Q-learning."""
