"""Trained weights and fitted transforms become one self-contained Keras model."""
