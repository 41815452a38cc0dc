"""The tools of extension authors: projects, compilers, what ``perdure new`` and ``perdure build`` do.

It knows nothing of the host: what a build made is checked by the host's own code, in `perdure.cli`.
"""

from perdure.toolchain.building import Built, build, deliver
from perdure.toolchain.project import Language, Project, project_around, project_in
from perdure.toolchain.sdk import sdk_folder

__all__ = ["Built", "Language", "Project", "build", "deliver", "project_around", "project_in", "sdk_folder"]
