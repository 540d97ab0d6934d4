import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def roomy_path():
    """A directory that other accounts can pass through; pytest's own cannot be."""
    with tempfile.TemporaryDirectory(prefix="bazaarlink-") as directory:
        Path(directory).chmod(0o711)
        yield Path(directory)
