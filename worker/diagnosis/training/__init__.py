"""Trains variants of a recipe beside each other, and judges them."""
