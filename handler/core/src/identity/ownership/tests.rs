use super::*;

const STACK: &str = "arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a";

fn identity() -> Identity {
    Identity {
        cluster_name: "demo".into(),
        node_role_arn: "arn:aws:iam::111122223333:role/KarpenterNodeRole-demo".into(),
        controller_role_name: "KarpenterControllerRole-demo".into(),
        instance_profile_name: "KarpenterNodeInstanceProfile-demo".into(),
        path: "/".into(),
    }
}

/// The expected values must never change: another id replaces every deployed resource.
#[test]
fn generation_id_of_version_1_does_not_change() {
    let generation = Generation::of(STACK, "Prereqs", &identity());
    assert_eq!(generation.physical_resource_id(), "karpenter-prereqs/v1/demo/0c95e1b67fc6ffb5ddec3ed672c57e88");
    assert_eq!(generation.marker().key(), "karpenter-prereqs/b56863d819ebaa64");
}

#[test]
fn generation_depends_on_each_part_of_the_identity() {
    let one = Generation::of(STACK, "Prereqs", &identity());
    let changed = [
        Identity { cluster_name: "x".into(), ..identity() },
        Identity { node_role_arn: "x".into(), ..identity() },
        Identity { controller_role_name: "x".into(), ..identity() },
        Identity { instance_profile_name: "x".into(), ..identity() },
        Identity { path: "x".into(), ..identity() },
    ];
    for other in changed {
        assert_ne!(Generation::of(STACK, "Prereqs", &other), one, "{other:?}");
    }
    assert_ne!(Generation::of(STACK, "Other", &identity()), one);
    assert_ne!(Generation::of("arn:other", "Prereqs", &identity()), one);
}

#[test]
fn generation_and_marker_are_read_from_own_ids_only() {
    let generation = Generation::of(STACK, "Prereqs", &identity());
    assert_eq!(Generation::from_id(generation.physical_resource_id()), Some(generation.clone()));
    assert_eq!(Marker::from_key(generation.marker().key()), Some(generation.marker()));
    for other in
        ["", "s-Prereqs-1ABC", "karpenter-prereqs/v1//0", "karpenter-prereqs/v2/demo/0123456789abcdef0123456789abcdef"]
    {
        assert_eq!(Generation::from_id(other), None, "{other}");
    }
    for other in [OWNER_KEY, "karpenter-prereqs/0123", &generation.marker().previous_tag_key()] {
        assert_eq!(Marker::from_key(other), None, "{other}");
    }
}

#[test]
fn long_owner_is_hashed_and_keeps_its_stack() {
    for logical in ["Prereqs".to_owned(), "P".repeat(255)] {
        let owner = Owner { stack_id: STACK.into(), logical_resource_id: logical };
        let tags = Tags::from([(OWNER_KEY.to_owned(), owner.tag_value())]);
        assert!(owner.tag_value().len() <= TAG_VALUE_MAX);
        assert!(Owner { logical_resource_id: "Other".into(), ..owner.clone() }.is_same_stack(&tags));
        assert!(!Owner { stack_id: format!("{STACK}b"), ..owner }.is_same_stack(&tags));
    }
}
