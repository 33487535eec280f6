//! A browser without a window: opens the URL it is given, follows where that leads and keeps the page in `$HOME`.

use std::error::Error;

use m4_tests::ambient;

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("no URL")?;
    let home = ambient::variable("HOME").ok_or("no HOME")?;
    let page =
        ureq::get(&url).config().http_status_as_error(false).build().call()?.body_mut().read_to_string()?;
    std::fs::write(std::path::Path::new(&home).join("page.html"), page)?;
    Ok(())
}
