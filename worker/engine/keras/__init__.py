"""Networks of stock Keras, built and compiled; and what weights predict."""
