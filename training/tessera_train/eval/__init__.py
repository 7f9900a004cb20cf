"""Measurements of a model file on places that it was not trained on.

Everything here reads the recipe's modules; none of them reads anything here.
"""
