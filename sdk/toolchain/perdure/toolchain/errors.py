"""What can go wrong in the making of an extension, and what to do about it."""

from __future__ import annotations

from pathlib import Path


class ToolchainError(Exception):
    """Base of every error that ``perdure.toolchain`` raises on purpose."""


# --- projects: their author's to mend ---------------------------------------------------------------------------------


class ProjectError(ToolchainError):
    """Base of what is wrong with a project. Its author is to blame."""


class NoProject(ProjectError):
    """There is no project in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        super().__init__(
            f"{folder} holds no extension's project: no pyproject.toml with [tool.perdure], no Cargo.toml that depends "
            "on perdure-sdk, no perdure.toml; 'perdure new NAME' makes one"
        )


class AmbiguousProject(ProjectError):
    """The folder holds more than one project. ``files`` are those that say so."""

    def __init__(self, folder: Path, files: tuple[str, ...]) -> None:
        self.folder, self.files = folder, files
        super().__init__(
            f"{folder} is more than one extension's project ({', '.join(files)}); give each a folder of its own"
        )


class InvalidProject(ProjectError):
    """A project's file is not what it must be. ``field`` is empty if that is all of it."""

    def __init__(self, file: Path, field: str, reason: str) -> None:
        self.file, self.field, self.reason = file, field, reason
        super().__init__(f"{file}: {f'{field}: ' if field else ''}{reason}")


# --- new projects -----------------------------------------------------------------------------------------------------


class InvalidName(ToolchainError):
    """The name cannot be an extension's id."""

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"{name[:100]!r} cannot be an extension's id: it must be of lowercase letters, digits, and single '-', '_' "
            "or '.' in between, at most 64 of them, and begin with a letter"
        )


class FolderInTheWay(ToolchainError):
    """What should become a new project's folder is there and not empty, or is no folder."""

    def __init__(self, folder: Path, reason: str) -> None:
        self.folder, self.reason = folder, reason
        super().__init__(f"{folder} {reason}; choose another name, or another place with --dir")


# --- tools: the machine's ---------------------------------------------------------------------------------------------


class MissingTool(ToolchainError):
    """A tool that the build needs is not there, or cannot be used. ``install`` is the line that brings it."""

    def __init__(self, tool: str, reason: str, install: str) -> None:
        self.tool, self.reason, self.install = tool, reason, install
        super().__init__(f"{tool} {reason}; {install} installs it")


# --- builds -----------------------------------------------------------------------------------------------------------


class BuildFailed(ToolchainError):
    """A compiler refused the author's code. ``said`` is what it wrote, which is to be shown before this error."""

    def __init__(
        self, tool: str, said: str, reason: str = "refused the extension's code; what it said is above"
    ) -> None:
        self.tool, self.said, self.reason = tool, said, reason
        super().__init__(f"{tool} {reason}")


class NotWebAssembly(ToolchainError):
    """A file is no WebAssembly, or a damaged one."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"not a WebAssembly file: {reason}")


class NoManifest(ToolchainError):
    """What was built carries no manifest, more than one, or one that is none."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the extension's code states no manifest that can be used: {reason}")
