"""The services as commands: what their environment says."""

from pathlib import Path

import pytest
from sqlalchemy import make_url

from frostline.automation import servers


def test_prefect_s_database_stays_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a question mark would cut its path short the address is ours; elsewhere, and by a person, it is not."""
    for name in servers.DATABASE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "plain"))
    assert servers.DATABASE[0] not in servers.prefect(port=1, login="a:b").settings
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "lab?b"))
    address = make_url(servers.prefect(port=1, login="a:b").settings[servers.DATABASE[0]])
    assert address.drivername == "sqlite+aiosqlite"
    assert str(address.database).endswith("/lab%3Fb/prefect.db")
    monkeypatch.setenv(servers.DATABASE[1], "postgresql+asyncpg://team/prefect")
    assert servers.DATABASE[0] not in servers.prefect(port=1, login="a:b").settings
