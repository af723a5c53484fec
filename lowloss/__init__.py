"""What users import: the client, what they submit, what they get back, and what can go wrong."""

from lowloss.client.client import Client
from lowloss.spec import DiagnosisSpec, JobSpec, Recipe

__all__ = ["Client", "DiagnosisSpec", "JobSpec", "Recipe", "__version__"]
__version__ = "0.1.0"
