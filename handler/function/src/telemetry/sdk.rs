//! The calls that the AWS SDK makes.

use super::calls::{Call, Calls};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::interceptors::context::{
    BeforeSerializationInterceptorContextRef, BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_smithy_runtime_api::client::interceptors::{Intercept, dyn_dispatch_hint};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, Metadata};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::config_bag::{ConfigBag, Storable, StoreReplace};
use std::sync::{Arc, Mutex, PoisonError};

/// Watches the calls of one service's client.
#[derive(Debug)]
pub(crate) struct Watch(pub(crate) Calls);

/// The call, in the bag that goes with it; the bag's end is the call's.
#[derive(Clone, Debug)]
struct Watched(Arc<Mutex<Call>>);

impl Storable for Watched {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "watch"
    }

    // Not before the execution: the operation has not said its name by then.
    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = bag.load::<Metadata>() {
            let call = self.0.begin(metadata.service().to_owned(), metadata.name().to_owned());
            bag.interceptor_state().store_put(Watched(Arc::new(Mutex::new(call))));
        }
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        on(bag, Call::try_begins);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let failed = context.output_or_error().is_some_and(|result| result.is_err());
        let code = failed.then(|| context.response().map_or_else(|| "no response".to_owned(), code));
        on(bag, |call| call.try_ends(code));
        Ok(())
    }
}

fn on(bag: &ConfigBag, act: impl FnOnce(&mut Call)) {
    if let Some(Watched(call)) = bag.load::<Watched>() {
        act(&mut call.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// The service's code of a refusal: in a header where the service answers in JSON (EKS), in the element `Code` where it
/// answers in XML; else the status.
fn code(response: &HttpResponse) -> String {
    let header = response.headers().get("x-amzn-errortype").map(|code| code.split(':').next().unwrap_or(code));
    let body = response.body().bytes().and_then(|body| std::str::from_utf8(body).ok());
    let element = || body?.split_once("<Code>")?.1.split_once("</Code>").map(|(code, _)| code);
    header.or_else(element).map_or_else(|| response.status().as_u16().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_types::body::SdkBody;

    #[test]
    fn a_refusals_code_is_found_in_each_services_form() {
        let answer = |body: &'static str| HttpResponse::new(404.try_into().unwrap(), SdkBody::from(body));
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code></Error></ErrorResponse>";
        assert_eq!(code(&answer(xml)), "NoSuchEntity");
        let mut json = answer("{}");
        json.headers_mut().insert("x-amzn-errortype", "ResourceNotFoundException:http://internal/");
        assert_eq!(code(&json), "ResourceNotFoundException");
        assert_eq!(code(&answer("<html>")), "404");
    }
}
