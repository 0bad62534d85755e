"""The construct's Python package: its names, and the templates that it synthesizes."""

import pathlib
import unittest

from aws_cdk import App, Stack
from aws_cdk.assertions import Match, Template
from karpenter_prereqs import ControllerIdentity, KarpenterPrereqs, KarpenterPrereqsFunction, NodeAccess

CODE = str(pathlib.Path(__file__).with_name("code.zip"))


class Package(unittest.TestCase):
    def test_properties_and_attributes_have_python_names(self):
        stack = Stack(App(), "Stack")
        function = KarpenterPrereqsFunction(stack, "Function", code_path=CODE, name_prefix="team-")
        karpenter = KarpenterPrereqs(
            stack,
            "Karpenter",
            function=function,
            cluster_name="demo",
            karpenter_versions=["1.15.0"],
            controller_identities=[ControllerIdentity.POD_IDENTITY],
            node_access=NodeAccess.ACCESS_ENTRY,
            node_role_name="team-nodes",
            controller_role_name="team-controller",
            instance_profile_name="team-nodes",
            tags={"team": "platform"},
        )
        self.assertIn("${Token[", karpenter.helm_values)
        Template.from_stack(stack).has_resource_properties(
            "Custom::KarpenterPrereqs",
            {
                "ClusterName": "demo",
                "KarpenterVersion": ["1.15.0"],
                "ControllerIdentity": ["PodIdentity"],
                "NodeAccess": "AccessEntry",
                "NodeRoleName": "team-nodes",
                "Tags": {"team": "platform"},
                "Revision": Match.any_value(),
            },
        )

    def test_invalid_value_fails_with_the_error_of_the_function(self):
        stack = Stack(App(), "Stack")
        KarpenterPrereqsFunction(stack, "KarpenterPrereqsFunction", code_path=CODE)
        KarpenterPrereqs(stack, "Karpenter", cluster_name="-demo")
        with self.assertRaisesRegex(RuntimeError, "`ClusterName` must be the name of an EKS cluster"):
            Template.from_stack(stack)


if __name__ == "__main__":
    unittest.main()
