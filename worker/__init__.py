"""The training side: supervises and runs jobs. Never loads FastAPI."""

import logging
import os

# Before TensorFlow is imported anywhere: quiet, and Keras on its TensorFlow backend.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")
# Every trial traces a function of its own; TensorFlow 2.21 warns of that from the fifth on.
logging.getLogger("tensorflow").setLevel(logging.ERROR)
