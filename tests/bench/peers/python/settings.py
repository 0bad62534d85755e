"""The properties that this function reads. They have the names of the custom resource, so that one event fits both."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """The properties, with defaults."""

    cluster_name: str
    namespace: str
    service_account: str
    node_role_name: str
    controller_role_name: str
    instance_profile_name: str
    node_policy_arns: list[str]
    subnet_ids: list[str]
    security_group_ids: list[str]

    @classmethod
    def of(cls, properties):
        """Reads the properties. Unknown properties are ignored."""
        cluster = properties["ClusterName"]
        return cls(
            cluster_name=cluster,
            namespace=properties.get("Namespace", "karpenter"),
            service_account=properties.get("ServiceAccount", "karpenter"),
            node_role_name=properties.get("NodeRoleName", f"KarpenterNodeRole-{cluster}"),
            controller_role_name=properties.get("ControllerRoleName", f"KarpenterControllerRole-{cluster}"),
            instance_profile_name=properties.get("InstanceProfileName", f"KarpenterNodeInstanceProfile-{cluster}"),
            node_policy_arns=as_list(properties.get("NodePolicyArns", [])),
            subnet_ids=as_list(properties.get("SubnetIds", [])),
            security_group_ids=as_list(properties.get("SecurityGroupIds", [])),
        )

    @property
    def physical_id(self):
        """Returns an id of the names. Another name results in another id, and so in a replacement."""
        names = (self.cluster_name, self.node_role_name, self.controller_role_name, self.instance_profile_name)
        return "/".join(names)


def as_list(value):
    """Returns a list. A template can contain a list, or one text with commas."""
    if isinstance(value, str):
        value = value.split(",")
    return [item.strip() for item in value if item.strip()]
