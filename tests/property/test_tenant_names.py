"""Whatever a tenant is called, it stays in its folder or is refused."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from spm_ml.errors import ConfigurationError
from spm_ml.tenant import check_name
from spm_ml.tenants import TenantFolder

ANY = st.text(max_size=80) | st.text(alphabet="abz09-./\\~ \0\nÄА%{}$", max_size=70)


@given(ANY)
@example("..")
@example(".runs")
@example("a/../../b")
@example("acme\n")
@example("Acme")
@example("аcme")  # a Cyrillic letter
@example("a" * 64)
@example("-acme")
@example("{tenant}")
@settings(deadline=None)
def test_a_name_is_a_plain_label_or_refused(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    root = tmp_path_factory.getbasetemp() / "names"
    folder = TenantFolder(root)
    try:
        check_name(name)
    except ConfigurationError:
        before = sorted(root.parent.iterdir())
        with pytest.raises(ConfigurationError):
            folder.add(name)
        with pytest.raises(ConfigurationError):
            folder.workspace(name)
        assert sorted(root.parent.iterdir()) == before
        return
    assert 1 <= len(name) <= 63
    assert name.isascii()
    assert name == name.lower()
    path = Path(root, name).resolve()
    assert path.parent == root.resolve()
    assert not name.startswith((".", "-"))


def test_every_tenant_is_listed_once_and_none_besides(tmp_path: Path) -> None:
    folder = TenantFolder(tmp_path / "tenants")
    for name in ("b", "a-1", "0"):
        folder.add(name)
    (folder.root / "copy").mkdir()
    (folder.root / "copy" / "tenant.yaml").write_text("tenant: b\n", encoding="utf-8")
    (folder.root / "link").symlink_to(folder.root / "b")
    (folder.root / "plain").mkdir()
    assert folder.names() == ("0", "a-1", "b")
    assert folder.strays() == ("copy", "link", "plain")
    for name in ("copy", "link"):
        with pytest.raises(ConfigurationError, match=r"already|no folder of its own"):
            folder.add(name)
    assert folder.add("plain").tenant == "plain"
