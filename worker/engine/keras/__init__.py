"""Networks of stock Keras, and the engine that trains them one at a time."""
