use super::*;
use serde_json::json;

const BEGUN: StageProgress = StageProgress { has_begun: true, has_created_generation: false };
const CREATED: StageProgress = StageProgress { has_begun: true, has_created_generation: true };
const NOT_BEGUN: StageProgress = StageProgress { has_begun: false, has_created_generation: false };

fn owner() -> Owner {
    Owner { stack_id: scope_stack().to_owned(), logical_resource_id: "Prereqs".to_owned() }
}

fn scope_stack() -> &'static str {
    "arn:aws:cloudformation:us-east-1:111122223333:stack/s/0a"
}

fn raw(cluster: &str) -> RawProperties {
    [("ClusterName".to_owned(), json!(cluster))].into_iter().collect()
}

fn id(cluster: &str) -> String {
    let spec = Spec::new(&raw(cluster), &Scope::of_stack(scope_stack()).unwrap()).unwrap();
    owner().generation(&spec.identity()).physical_resource_id().to_owned()
}

fn lifecycle(properties: RawProperties, operation: Operation) -> Lifecycle {
    let scope = Scope::of_stack(scope_stack()).unwrap();
    Lifecycle::of(&Request { operation, properties }, &owner(), &scope).unwrap()
}

fn update(new: &str, old: &str, id: String) -> Lifecycle {
    lifecycle(raw(new), Operation::Update { physical_resource_id: id, old_properties: raw(old) })
}

/// Returns the kind and the cluster of each stage.
fn described(stages: &[Stage]) -> Vec<String> {
    let describe = |stage: &Stage| match stage {
        Stage::Reconcile(it) => format!("reconcile {}", it.spec.cluster_name),
        Stage::TearDown(it) => format!("tear down {}", it.spec.cluster_name),
        Stage::CleanUp(it) => format!("clean up {}", it.spec.cluster_name),
    };
    stages.iter().map(describe).collect()
}

fn undone(stages: &[UndoStage<'_>]) -> Vec<String> {
    let describe = |stage: &UndoStage<'_>| match stage {
        UndoStage::Restore(it) => format!("restore {}", it.spec.cluster_name),
        UndoStage::TearDown(it) => format!("tear down {}", it.spec.cluster_name),
    };
    stages.iter().map(describe).collect()
}

#[test]
fn cancelled_create_is_always_torn_down() {
    let create = lifecycle(raw("a"), Operation::Create);
    assert_eq!(create.physical_resource_id, id("a"));
    assert_eq!(described(&create.stages), ["reconcile a"]);
    for progress in [NOT_BEGUN, BEGUN, CREATED] {
        assert_eq!(undone(&create.after_cancellation(progress)), ["tear down a"]);
        assert_eq!(undone(&create.after_failure(progress)), [""; 0]);
    }
}

#[test]
fn cancelled_update_in_place_restores_old_properties() {
    let update = update("a", "a", id("a"));
    assert_eq!(described(&update.stages), ["reconcile a"]);
    assert_eq!(undone(&update.after_cancellation(NOT_BEGUN)), [""; 0]);
    assert_eq!(undone(&update.after_cancellation(CREATED)), ["restore a"]);
    assert_eq!(undone(&update.after_failure(CREATED)), [""; 0]);
}

#[test]
fn replacement_is_undone_only_if_this_run_created_it() {
    let update = update("b", "a", id("a"));
    assert_eq!(update.physical_resource_id, id("b"));
    assert_eq!(described(&update.stages), ["reconcile b", "clean up a"]);
    assert_eq!(undone(&update.after_failure(CREATED)), ["tear down b"]);
    assert_eq!(undone(&update.after_failure(BEGUN)), [""; 0]);
    assert_eq!(undone(&update.after_cancellation(CREATED)), ["restore a", "tear down b"]);
    assert_eq!(undone(&update.after_cancellation(BEGUN)), ["restore a"]);
}

#[test]
fn rollback_of_replacement_tears_failed_generation_down() {
    let rollback = update("a", "b", id("a"));
    assert_eq!(described(&rollback.stages), ["reconcile a", "tear down b"]);
    assert_eq!(rollback.physical_resource_id, id("a"));
}

#[test]
fn delete_tears_down_generations_of_properties_and_id() {
    let delete = |id: String| lifecycle(raw("a"), Operation::Delete { physical_resource_id: id });
    let Stage::TearDown(removal) = &delete(id("b")).stages[0] else { panic!("no removal") };
    let markers = ["a", "b"].map(|cluster| Generation::from_id(&id(cluster)).unwrap().marker());
    assert_eq!(removal.markers, markers.into());
    assert_eq!(removal.checked_operation, Some(Operation::Delete { physical_resource_id: id("b") }));
    // An id that CloudFormation invented names no generation.
    let Stage::TearDown(removal) = &delete("s-Prereqs-1ABC".to_owned()).stages[0] else { panic!("no removal") };
    assert_eq!(removal.checked_operation, Some(Operation::Delete { physical_resource_id: id("a") }));
    assert_eq!(delete("s-Prereqs-1ABC".to_owned()).physical_resource_id, "s-Prereqs-1ABC");
}

#[test]
fn delete_without_a_cluster_name_has_no_stages() {
    let delete = lifecycle(RawProperties::new(), Operation::Delete { physical_resource_id: "x".to_owned() });
    assert!(delete.stages.is_empty());
}

#[test]
fn update_fails_with_invalid_new_properties_only() {
    let scope = Scope::of_stack(scope_stack()).unwrap();
    let operation = Operation::Update { physical_resource_id: id("a"), old_properties: RawProperties::new() };
    let invalid = Request { properties: RawProperties::new(), operation: operation.clone() };
    assert!(Lifecycle::of(&invalid, &owner(), &scope).is_err());
    assert_eq!(described(&lifecycle(raw("a"), operation).stages), ["reconcile a"]);
}
