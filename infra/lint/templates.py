"""Checks CloudFormation templates with checkov, a collection of checks for security practices. Needs no network.

    templates.py TEMPLATE...

If a check does not apply to a resource, a comment in the resource says so, with the reason: `# checkov:skip=<check>:<reason>`.
This script fails if the reason is missing, if the check passes without the comment, or if checkov cannot read a template.
checkov alone accepts all three. It does not evaluate the IAM policies, because they contain conditions: policies.py does.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path


def checkov(paths, home):
    """Returns checkov's results: lists of passed, failed and skipped checks, and of templates that it cannot read."""
    command = [Path(sys.executable).with_name("checkov"), "--framework", "cloudformation", "--skip-download"]
    # The user's variables and files are left out. They can select checks, or an account to which checkov uploads the results.
    output = subprocess.run(
        [*command, "--output", "json", "--file", *paths],
        env={"HOME": home, "PATH": os.environ["PATH"]},
        stdout=subprocess.PIPE,
        check=False,
    ).stdout
    return json.loads(output)["results"]


def main(paths):
    with tempfile.TemporaryDirectory() as folder:
        # checkov also reads copies without the comments. Without them, the check of each comment must fail.
        copies = {str(Path(folder) / f"{number}.yaml"): path for number, path in enumerate(paths)}
        for copy, path in copies.items():
            Path(copy).write_text(Path(path).read_text(encoding="utf-8").replace("checkov:skip=", ""), encoding="utf-8")
        results = checkov([*paths, *copies], folder)

    def of(kind, files):
        """Returns the checks of these files, by template, resource and id."""
        checks = [check for check in results[kind] if check["file_abs_path"] in files]
        return {(files[it["file_abs_path"]], it["resource"].split(".")[-1], it["check_id"]): it for it in checks}

    templates = {path: path for path in paths}
    reports = [f"{path}: checkov cannot read the template" for path in results["parsing_errors"] if path in paths]
    for (path, resource, check), result in of("failed_checks", templates).items():
        reports.append(f"{path}:{result['file_line_range'][0]}: {resource}: {check}: {result['check_name']}")
    skipped, needed = of("skipped_checks", templates), of("failed_checks", copies)
    for (path, resource, check), result in skipped.items():
        if (path, resource, check) not in needed:
            reports.append(f"{path}: {resource}: {check} passes without the comment checkov:skip. Delete the comment")
        if result["check_result"]["suppress_comment"].strip() in ("", "No comment provided"):
            reports.append(f"{path}: {resource}: the comment checkov:skip={check} has no reason")
    passed = of("passed_checks", templates)
    print(*reports, sep="\n", end="\n" if reports else "")
    print(f"{len(passed)} checks pass, {len(skipped)} do not apply, {len(reports)} findings")
    return 1 if reports or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
