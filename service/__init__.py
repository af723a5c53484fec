"""The API process and the durable store. Never loads TensorFlow."""
