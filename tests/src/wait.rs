//! Waiting for what must come.

use std::time::Duration;

use anyhow::bail;

/// Nothing that a scenario waits for may take longer, even on a loaded machine.
pub const DEADLINE: Duration = Duration::from_secs(180);
const POLL: Duration = Duration::from_millis(100);

/// Waits until `condition` gives something; errors count as "not yet", and the last is told if it never does.
pub async fn wait_until<T, F>(what: &str, mut condition: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Option<T>>>,
{
    let deadline = tokio::time::Instant::now() + DEADLINE;
    loop {
        let answer = condition().await;
        if let Ok(Some(found)) = answer {
            return Ok(found);
        }
        if tokio::time::Instant::now() > deadline {
            bail!("not within {DEADLINE:?}: {what} ({:?})", answer.err());
        }
        tokio::time::sleep(POLL).await;
    }
}
