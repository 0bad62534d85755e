//! How Lambda delivers events, and how the function delivers responses.

use std::time::{Duration, SystemTime};

use local_cloud::{
    cloudformation::{Delivery, Kind, Stack},
    lambda::Behaviour::{AcceptThenReset, Hang, Reset, Slow, Status},
};

use super::{Stage, assert_sound, in_place, properties, replacing, single, template};

/// Create, two Updates and Delete succeed if the `ServiceToken` is an SNS topic.
#[tokio::test]
async fn sns_topic_lifecycle_succeeds() {
    let stage = Stage::new().await;
    let delivery = Delivery { by_sns: true, ..Delivery::default() };
    let mut requests = stage.begin(|stack| stack.create(&template(&properties())));
    for new in [in_place(), replacing()] {
        while let Some(request) = requests.pop() {
            let delivered = stage.engine.deliver(request, &delivery).await.unwrap();
            assert_sound(&delivered);
            assert!(delivered.succeeded(), "{}", delivered.reason());
            requests.extend(delivered.next);
        }
        requests = stage.begin(|stack| stack.update(&template(&new)));
    }
    stage.engine.deliver_all(requests).await.unwrap().iter().for_each(assert_sound);
    assert_eq!(stage.status(), "UPDATE_COMPLETE");
    stage.delete_and_compare().await;
}

/// A response arrives unchanged, also if S3 first rejects the PUT, resets the connection, hangs or is slow. If no PUT of a
/// delivery succeeds in time, the redelivery of the event delivers the response.
#[tokio::test]
async fn response_url_failures_are_retried_until_delivered() {
    let stage = Stage::new().await;
    let second = Duration::from_secs(1);
    let scripts =
        [vec![Status(403), Status(503), Reset], vec![Hang], vec![Slow(second)], vec![AcceptThenReset, Status(503)]];
    let mut templates = [template(&in_place()), template(&properties())].into_iter().cycle();
    stage.create(&properties()).await;
    for script in scripts {
        let request = single(stage.begin(|stack| stack.update(&templates.next().unwrap())));
        let delivery = Delivery { script, limit: 20 * second, ..Delivery::default() };
        let delivered = stage.engine.deliver(request, &delivery).await.unwrap();
        assert_sound(&delivered);
        assert!(delivered.succeeded(), "{}", delivered.reason());
        assert_eq!(delivered.invocations.len(), 1, "within the first delivery: {delivery:?}");
    }
    // The URL hangs more often than one delivery can wait, so the next delivery sends the response.
    let request = single(stage.begin(|stack| stack.update(&templates.next().unwrap())));
    let delivery = Delivery { script: vec![Hang; 5], limit: 6 * second, ..Delivery::default() };
    let delivered = stage.engine.deliver(request, &delivery).await.unwrap();
    assert_sound(&delivered);
    assert!(delivered.succeeded() && 1 < delivered.invocations.len(), "{:?}", delivered.invocations.len());
    stage.delete_and_compare().await;
}

/// A Create that is older than its `ServiceTimeout` changes nothing. A Delete of that age is carried out.
#[tokio::test]
async fn event_after_service_timeout_only_deletes() {
    let stage = Stage::new().await;
    let long_ago = SystemTime::now() - Duration::from_mins(90);
    let mut request = single(stage.begin(|stack| stack.create(&template(&properties()))));
    request.issued = long_ago;
    let delivered = stage.engine.deliver(request, &Delivery::default()).await.unwrap();
    assert_sound(&delivered);
    assert!(delivered.reason().contains("nothing was changed"), "{}", delivered.reason());
    stage.before.assert_same(&stage.world().await, "after a Create older than its ServiceTimeout");
    stage.engine.deliver_all(delivered.next).await.unwrap().iter().for_each(assert_sound);
    stage.run(Stack::delete).await;

    stage.create(&properties()).await;
    let mut request = single(stage.begin(Stack::delete));
    assert_eq!(request.kind, Kind::Delete);
    request.issued = long_ago;
    let delivered = stage.engine.deliver(request, &Delivery::default()).await.unwrap();
    assert_sound(&delivered);
    assert!(delivered.succeeded(), "{}", delivered.reason());
    stage.delete_and_compare().await;
}
