//! The record of the calls that the AWS SDK makes.

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

/// Records the calls of the client of one service.
#[derive(Debug)]
pub(crate) struct CallRecorder(pub(crate) Calls);

/// A call in progress, in the SDK's configuration bag of the call. The call ends when the SDK drops the bag.
#[derive(Clone, Debug)]
struct RecordedCall(Arc<Mutex<Call>>);

impl Storable for RecordedCall {
    type Storer = StoreReplace<Self>;
}

#[dyn_dispatch_hint]
impl Intercept for CallRecorder {
    fn name(&self) -> &'static str {
        "record-calls"
    }

    // Not in `read_before_execution`, because the bag does not have the name of the operation yet.
    fn read_before_serialization(
        &self,
        _: &BeforeSerializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(metadata) = bag.load::<Metadata>() {
            let call = self.0.begin(metadata.service().to_owned(), metadata.name().to_owned());
            bag.interceptor_state().store_put(RecordedCall(Arc::new(Mutex::new(call))));
        }
        Ok(())
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        with_call(bag, Call::begin_attempt);
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
        with_call(bag, |call| call.end_attempt(code));
        Ok(())
    }
}

fn with_call(bag: &ConfigBag, update: impl FnOnce(&mut Call)) {
    if let Some(RecordedCall(call)) = bag.load::<RecordedCall>() {
        update(&mut call.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Returns the error code of the service. A service with JSON responses (EKS) has it in a header, and a service with XML
/// responses has it in the element `Code`. Otherwise the code is the HTTP status.
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
    fn code_is_found_in_json_and_xml_responses() {
        let response = |body: &'static str| HttpResponse::new(404.try_into().unwrap(), SdkBody::from(body));
        let xml = "<ErrorResponse><Error><Type>Sender</Type><Code>NoSuchEntity</Code></Error></ErrorResponse>";
        assert_eq!(code(&response(xml)), "NoSuchEntity");
        let mut json = response("{}");
        json.headers_mut().insert("x-amzn-errortype", "ResourceNotFoundException:http://internal/");
        assert_eq!(code(&json), "ResourceNotFoundException");
        assert_eq!(code(&response("<html>")), "404");
    }
}
