from __future__ import annotations

import pytest

from makespan_optimizer.graph.jobs import build_graph
from support.measured_workflows import workflow

HEAD = "on: push\njobs:\n  a: {runs-on: ubuntu-latest, steps: [{}]}\n  b:\n    runs-on: ubuntu-latest\n    needs: a\n"


def kinds(first: str, second: str) -> list[str]:
    text = HEAD.replace("[{}]", f"[{first}]") + second
    return [edge.kind for edge in build_graph(workflow(text)).edges]


@pytest.mark.parametrize(
    ("first", "second", "kind"),
    [
        ("{run: lint}", "    steps: [{run: pytest}]\n", "declared"),
        ("{run: lint}", "    steps: [{run: 'echo ${{ needs.a.result }}'}]\n", "data"),
        ("{run: lint}", "    if: needs.a.outputs.x == '1'\n    steps: [{run: pytest}]\n", "data"),
        ("{run: lint}", "    steps: [{run: \"${{ 'needs.a.result' }}\"}]\n", "declared"),
        (
            "{uses: actions/upload-artifact@v4, with: {name: dist}}",
            "    steps: [{uses: actions/download-artifact@v4, with: {name: dist}}]\n",
            "data",
        ),
        (
            "{uses: actions/upload-artifact@v4, with: {name: dist}}",
            "    steps: [{uses: actions/download-artifact@v4, with: {name: other}}]\n",
            "declared",
        ),
        (
            "{uses: actions/upload-artifact@v4, with: {name: dist-1}}",
            "    steps: [{uses: actions/download-artifact@v4, with: {pattern: dist-*}}]\n",
            "data",
        ),
        (
            "{uses: hynek/build-and-inspect-python-package@v2}",
            "    steps: [{uses: actions/download-artifact@v4, with: {name: Packages}}]\n",
            "data",
        ),
        ("{uses: actions/cache@v4, with: {key: k}}", "    steps: [{uses: actions/cache@v4, with: {key: k}}]\n", "data"),
        (
            "{uses: actions/cache@v4, with: {key: '${{ github.job }}'}}",
            "    steps: [{uses: actions/cache@v4, with: {key: '${{ github.job }}'}}]\n",
            "declared",
        ),
        ("{uses: ./, with: {key: k}}", "    steps: [{uses: ./, with: {key: k}}]\n", "data"),
        ("{run: lint}", "    if: failure()\n    steps: [{run: x}]\n", "gate"),
        ("{run: lint}", "    environment: prod\n    steps: [{run: x}]\n", "gate"),
        ("{run: lint}", "    permissions: {id-token: write}\n    steps: [{run: x}]\n", "gate"),
        ("{run: lint}", "    permissions: {contents: read}\n    steps: [{run: x}]\n", "declared"),
        ("{run: lint}", "    name: Deploy docs\n    steps: [{run: x}]\n", "gate"),
        ("{run: lint}", "    steps: [{run: twine upload dist/*}]\n", "gate"),
        ("{run: lint}", "    steps: [{run: docker push x}]\n", "gate"),
        ("{run: lint}", "    steps: [{uses: pypa/gh-action-pypi-publish@v1}]\n", "gate"),
        ("{run: lint}", "    steps: [{run: cargo build --release}]\n", "declared"),
        ("{run: lint}", "    steps: [{run: exit 0}]\n", "gate"),
    ],
)
def test_an_edge_has_the_kind_of_what_it_carries(first: str, second: str, kind: str) -> None:
    assert kinds(first, second) == [kind]


def test_ancestors_and_descendants_are_transitive() -> None:
    job = "  {}: {{runs-on: x, steps: [{{run: x}}], needs: [{}]}}\n"
    text = "on: push\njobs:\n" + job.format("a", "") + job.format("b", "a") + job.format("c", "b")
    graph = build_graph(workflow(text))
    assert (graph.ancestors("c"), graph.descendants("a")) == (frozenset("ab"), frozenset("bc"))


def test_an_alias_bomb_in_a_job_is_not_expanded() -> None:
    bomb = ["x0: &x0 x"] + [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 30)]
    text = "on: push\n" + "\n".join(bomb) + "\njobs:\n  a: {runs-on: x, steps: [{run: x, env: {A: '1'}}], x: *x29}\n"
    text += "  b: {runs-on: x, needs: a, steps: [{run: pytest}], y: *x29}\n"
    assert [edge.kind for edge in build_graph(workflow(text)).edges] == ["declared"]
