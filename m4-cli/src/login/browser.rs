//! Opening the system's browser.

use auth_core::oauth::client::authorization::AuthorizationUrl;
use webbrowser::{Browser, BrowserOptions};

/// Opens the URL in this user's browser, without a shell; says whether there is a browser.
///
/// `BROWSER` names one, as for other programs. One that runs in the terminal is waited for; what others print is not
/// shown.
pub async fn open(url: AuthorizationUrl) -> bool {
    // Asking the desktop which browser it has starts programs and waits for them.
    let opening = tokio::task::spawn_blocking(move || {
        let mut options = BrowserOptions::new();
        webbrowser::open_browser_with_options(
            Browser::Default,
            url.as_str(),
            options.with_suppress_output(true),
        )
    });
    match opening.await {
        Ok(Ok(())) => true,
        Ok(Err(error)) => {
            tracing::debug!(target: "m4::login", %error, "no browser was opened");
            false
        }
        Err(_) => false,
    }
}
