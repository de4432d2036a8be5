"""The manifests, held against the Spark operator's own types, the settings and the jobs they start."""

import copy
import itertools
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubeflow_spark_api import models

from adc.settings_layers import load_settings

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
TYPES = {
    "SparkApplication": models.SparkV1beta2SparkApplication,
    "ScheduledSparkApplication": models.SparkV1beta2ScheduledSparkApplication,
    "Namespace": models.IoK8sApiCoreV1Namespace,
    "ServiceAccount": models.IoK8sApiCoreV1ServiceAccount,
    "ConfigMap": models.IoK8sApiCoreV1ConfigMap,
}


def documents(name: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((FOLDER / name).read_text(encoding="utf-8")))


def patched(base: Any, patch: Any) -> Any:
    """JSON merge patch (RFC 7386), which is what kustomize does to types that it does not know."""
    if not isinstance(patch, dict):
        return patch
    base = base if isinstance(base, dict) else {}
    return base | {key: patched(base.get(key), value) for key, value in patch.items()}


def built() -> dict[str, dict[str, Any]]:
    """What `kubectl kustomize` makes of the folder, by name."""
    plan = documents("kustomization.yaml")[0]
    every = {part["metadata"]["name"]: part for file in plan["resources"] for part in documents(file)}
    common = documents("common.yaml")[0]
    for name, part in every.items():
        part["metadata"]["namespace"] = plan["namespace"]
        if part["kind"] == "SparkApplication":
            every[name] = patched(part, common | {"metadata": {}})
    for replacement in plan["replacements"]:
        (target,) = replacement["targets"]
        template = copy.deepcopy(every[replacement["source"]["name"]]["spec"])
        every[target["select"]["name"]]["spec"]["template"] = template
    return every


MANIFESTS = built()
APPLICATIONS = {name: part for name, part in MANIFESTS.items() if part["kind"] == "SparkApplication"}
SETUP = documents("setup.yaml")


@pytest.mark.skipif(not shutil.which("kubectl"), reason="kubectl is not installed")
def test_kubectl_builds_the_same() -> None:
    command = ["kubectl", "kustomize", str(FOLDER)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert {part["metadata"]["name"]: part for part in yaml.safe_load_all(output)} == MANIFESTS


@pytest.mark.parametrize("manifest", [*MANIFESTS.values(), *SETUP], ids=lambda part: part["kind"])
def test_every_field_is_one_that_the_operator_or_kubernetes_knows(manifest: dict[str, Any]) -> None:
    if manifest["apiVersion"].startswith("rbac"):
        pytest.skip("the package of types has none for roles")
    known = TYPES[manifest["kind"]].from_dict(manifest)
    # An unknown field is dropped without a word, so what is left must be all.
    assert known.to_dict() == manifest


def test_all_stages_are_there_and_none_of_them_unpatched() -> None:
    files = {Path(part["spec"]["mainApplicationFile"]).name for part in APPLICATIONS.values()}
    assert files == {path.name for path in (ROOT / "jobs").glob("*.py")}
    assert all(part["spec"]["driver"]["serviceAccount"] == "adc" for part in APPLICATIONS.values())


@pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS)
def test_what_a_job_is_told_is_what_it_takes(application: dict[str, Any]) -> None:
    spec = application["spec"]
    arguments = spec["arguments"]
    assert arguments[arguments.index("--env") + 1] == "cluster"
    overrides = [value for flag, value in itertools.pairwise(arguments) if flag == "--set"]
    environment = {key: value for part in SETUP for key, value in part.get("data", {}).items()}
    settings = load_settings(
        ROOT / "conf" / "cluster.yaml",
        overrides,
        {key: value for key, value in environment.items() if key.startswith("ADC_")},
    )
    assert settings.lake.root.startswith("s3a://")

    dynamic = spec["dynamicAllocation"]["enabled"]
    assert dynamic == (application["metadata"]["labels"]["stage"] in ("scrape", "clean", "score"))
    if "train" in application["metadata"]["name"]:
        executor = spec["executor"]
        assert executor["instances"] * executor["cores"] == settings.train.num_proc


def test_versions_are_those_of_the_project() -> None:
    pins = (ROOT / "deploy" / "constraints.txt").read_text(encoding="utf-8")
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    assert version
    for application in APPLICATIONS.values():
        assert f"pyspark=={application['spec']['sparkVersion']}\n" in pins
        assert application["spec"]["image"].removesuffix("-gpu") == f"adc:{version[1]}"


def test_keys_come_from_a_secret_that_no_file_holds() -> None:
    assert not [part for part in [*MANIFESTS.values(), *SETUP] if part["kind"] == "Secret"]
    for application in APPLICATIONS.values():
        assert {"secretRef": {"name": "adc"}} in application["spec"]["driver"]["envFrom"]
    settings = next(part for part in SETUP if part["kind"] == "ConfigMap")["data"]
    assert not [name for name in settings if re.search("TOKEN|KEY|SECRET|PASSWORD", name)]
