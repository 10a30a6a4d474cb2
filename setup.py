"""Packages of the distribution; all the rest is declared in setup.cfg."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["kregzoo*"]), "kregzoo.zoo_weights"])
