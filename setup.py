"""Packages of the distribution. setup.cfg declares everything else."""

from setuptools import find_packages, setup

setup(packages=[*find_packages(include=["kregzoo*"]), "kregzoo.zoo_weights"])
