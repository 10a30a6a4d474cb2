"""Registration by agents: actions, observations, environments and Q-learning."""

from kregzoo.agents.q_learning import QLearning
from kregzoo.agents.q_value_dataset import OptimalQValues
from kregzoo.agents.registrar import AgentRegistrar

__all__ = ["AgentRegistrar", "OptimalQValues", "QLearning"]
