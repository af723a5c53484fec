"""How hatchling builds `lowloss-server`, whose packages lie at the top level of the repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface


class SameVersion(MetadataHookInterface):
    """Adds the `lowloss` of the same version to the dependencies."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Write the dependencies; in an sdist, hatchling reads them from PKG-INFO instead."""
        same = f"lowloss[predict]=={metadata['version']}"
        metadata["dependencies"] = [same, *self.config["dependencies"]]


class TopLevelPackages(BuildHookInterface[Any]):
    """Includes the packages: from the repository's top level, or from the top of an sdist."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Include each package, unless the wheel is editable: that has a path instead."""
        if version == "editable":
            return
        project = Path(self.root)
        top = project if (project / "PKG-INFO").exists() else project.parents[1]
        build_data["force_include"] |= {str(top / name): name for name in self.config["packages"]}
