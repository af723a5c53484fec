"""The API process and the durable store; they never load TensorFlow."""
