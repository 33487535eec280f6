//! Changes of the lists of tools and prompts, from the calls that make them to the streams that listen for them.

use rmcp::model::ErrorData;
use rmcp::service::{SubscriptionContext, SubscriptionSendError};
use tokio::sync::watch;

/// How often each list has changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Versions {
    tools: u64,
    prompts: u64,
}

/// Where changes are made; every clone makes them for all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes(watch::Sender<Versions>);

/// What one stream has seen. Made before the stream is acknowledged, so that no later change escapes it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    versions: watch::Receiver<Versions>,
    told: Versions,
}

impl Changes {
    pub(crate) fn tools(&self) {
        self.0.send_modify(|versions| versions.tools += 1);
    }

    pub(crate) fn prompts(&self) {
        self.0.send_modify(|versions| versions.prompts += 1);
    }

    pub(crate) fn seen(&self) -> Seen {
        let versions = self.0.subscribe();
        let told = *versions.borrow();
        Seen { versions, told }
    }
}

impl Seen {
    /// Tells every later change that the client asked for, until the client leaves.
    pub(crate) async fn tell(mut self, context: &SubscriptionContext) -> Result<(), ErrorData> {
        let accepted = context.accepted();
        let (tools, prompts) =
            (accepted.tools_list_changed == Some(true), accepted.prompts_list_changed == Some(true));
        loop {
            tokio::select! {
                () = context.cancelled() => return Ok(()),
                changed = self.versions.changed() => if changed.is_err() { return Ok(()) },
            }
            let (now, told) = (*self.versions.borrow_and_update(), self.told);
            let sent = async {
                if tools && now.tools != told.tools {
                    context.sink().notify_tool_list_changed().await?;
                }
                if prompts && now.prompts != told.prompts {
                    context.sink().notify_prompt_list_changed().await?;
                }
                Ok::<(), SubscriptionSendError>(())
            };
            match sent.await {
                Ok(()) => self.told = now,
                Err(SubscriptionSendError::SubscriptionClosed) => return Ok(()),
                Err(error) => return Err(ErrorData::internal_error(error.to_string(), None)),
            }
        }
    }
}
