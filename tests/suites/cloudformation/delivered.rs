//! How events come and how answers go.

use std::time::{Duration, SystemTime};

use local_cloud::{
    cloudformation::{Delivery, Kind, Stack},
    lambda::Behaviour::{AcceptThenReset, Hang, Reset, Slow, Status},
};

use super::{Stage, in_place, one, properties, replacing, sound, template};

/// A resource behind an SNS topic lives as one that CloudFormation calls itself.
#[tokio::test]
async fn a_life_behind_sns() {
    let stage = Stage::new().await;
    let delivery = Delivery { by_sns: true, ..Delivery::default() };
    let mut requests = stage.begin(|stack| stack.create(&template(&properties())));
    for new in [in_place(), replacing()] {
        while let Some(request) = requests.pop() {
            let delivered = stage.engine.deliver(request, &delivery).await.unwrap();
            sound(&delivered);
            assert!(delivered.succeeded(), "{}", delivered.reason());
            requests.extend(delivered.next);
        }
        requests = stage.begin(|stack| stack.update(&template(&new)));
    }
    stage.engine.settle(requests).await.unwrap().iter().for_each(sound);
    assert_eq!(stage.status(), "UPDATE_COMPLETE");
    stage.ends_clean().await;
}

/// An answer that S3 refuses, drops, keeps waiting or takes slowly arrives all the same, and is the same; one that is
/// never taken is delivered with the event's redelivery, and an URL that takes nothing at all is given up.
#[tokio::test]
async fn an_answer_arrives_whatever_becomes_of_the_first_puts() {
    let stage = Stage::new().await;
    let second = Duration::from_secs(1);
    let scripts =
        [vec![Status(403), Status(503), Reset], vec![Hang], vec![Slow(second)], vec![AcceptThenReset, Status(503)]];
    let mut templates = [template(&in_place()), template(&properties())].into_iter().cycle();
    stage.created(&properties()).await;
    for script in scripts {
        let request = one(stage.begin(|stack| stack.update(&templates.next().unwrap())));
        let delivery = Delivery { script, limit: 20 * second, ..Delivery::default() };
        let delivered = stage.engine.deliver(request, &delivery).await.unwrap();
        sound(&delivered);
        assert!(delivered.succeeded(), "{}", delivered.reason());
        assert_eq!(delivered.invocations.len(), 1, "within the first delivery: {delivery:?}");
    }
    // More refusals than one delivery can wait for: the next one brings the answer.
    let request = one(stage.begin(|stack| stack.update(&templates.next().unwrap())));
    let delivery = Delivery { script: vec![Hang; 5], limit: 6 * second, ..Delivery::default() };
    let delivered = stage.engine.deliver(request, &delivery).await.unwrap();
    sound(&delivered);
    assert!(delivered.succeeded() && 1 < delivered.invocations.len(), "{:?}", delivered.invocations.len());
    stage.ends_clean().await;
}

/// An event that CloudFormation gave up on long ago changes nothing, unless it takes something away.
#[tokio::test]
async fn an_event_older_than_its_service_timeout() {
    let stage = Stage::new().await;
    let long_ago = SystemTime::now() - Duration::from_mins(90);
    let mut request = one(stage.begin(|stack| stack.create(&template(&properties()))));
    request.issued = long_ago;
    let delivered = stage.engine.deliver(request, &Delivery::default()).await.unwrap();
    sound(&delivered);
    assert!(delivered.reason().contains("nothing was changed"), "{}", delivered.reason());
    stage.before.assert_same(&stage.world().await, "after a Create that nobody waits for");
    stage.engine.settle(delivered.next).await.unwrap().iter().for_each(sound);
    stage.run(Stack::delete).await;

    stage.created(&properties()).await;
    let mut request = one(stage.begin(Stack::delete));
    assert_eq!(request.kind, Kind::Delete);
    request.issued = long_ago;
    let delivered = stage.engine.deliver(request, &Delivery::default()).await.unwrap();
    sound(&delivered);
    assert!(delivered.succeeded(), "{}", delivered.reason());
    stage.ends_clean().await;
}
