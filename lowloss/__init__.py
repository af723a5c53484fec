"""The public names of the package: the client and the specifications that it submits."""

from lowloss.client.client import Client
from lowloss.spec import DiagnosisSpec, JobSpec, Recipe

__all__ = ["Client", "DiagnosisSpec", "JobSpec", "Recipe", "__version__"]
__version__ = "0.1.0"
