//! A pass that only looks whether there is anything to do.
//!
//! An unchanged snapshot is announced again and again, so that spokes find edits of others. Nearly
//! all passes for these announcements find everything as it was left. So the spoke looks first,
//! without the organization's lease: it reads what a pass reads, and starts and writes nothing. If
//! it finds nothing to do, it writes one sign of life, and that is all. Otherwise a pass follows,
//! which takes the lease and reads everything again.

use std::sync::Arc;

use pmp_ledger::LedgerError;
use pmp_protocol::SnapshotMessage;
use pmp_runtime::Stop;

use crate::apply::EngineSettings;
use crate::error::SpokeError;
use crate::pass::standing::{Sign, SignOfLife, Standing};
use crate::pass::{Made, PassOutcome, Spoke, with_neighbours};

impl Spoke {
    /// Looks whether every experience is as it was left, where only the live state can make work
    /// ([`Standing::is_settled`]). A content that came inline in `messages` is not fetched again.
    /// `None` where a pass has to be made: there is something to change
    /// or to write down, or a read failed, which the pass then reports.
    ///
    /// # Errors
    /// Where the spoke was told to stop, and where the sign of life could not be written.
    pub(crate) async fn look(
        &self,
        standing: &Standing,
        messages: &[SnapshotMessage],
        stop: &Stop,
    ) -> Result<Option<PassOutcome>, SpokeError> {
        if !standing.is_settled(self.mode) {
            return Ok(None);
        }
        let in_force = stop.unless_stopped(self.in_force(standing, messages)).await;
        let Ok(snapshot) = in_force.ok_or_else(|| SpokeError::stopped(stop))? else { return Ok(None) };
        let snapshot = Arc::new(snapshot);
        let looking = Self { engine: EngineSettings { looks_only: true, ..self.engine }, ..self.clone() };
        let looked = Box::pin(looking.try_sync(standing.clone(), snapshot, None, stop)).await;
        if stop.is_stopped() {
            return Err(SpokeError::stopped(stop));
        }
        let Ok(Made { pass, times, has_news: false, .. }) = looked else { return Ok(None) };
        let life = SignOfLife {
            experiences: pass.kept(),
            times,
            hold: standing.steering.told_hold(self.clock.now()),
            disputed: standing.told.clone(),
            ..SignOfLife::default()
        };
        let write = async {
            // A key that follows another may have signed the head anew.
            self.trust.keep(self.receipts.as_ref(), &self.identity, &self.management).await?;
            self.renew_sign(life, standing).await
        };
        let written = stop.write_down(write).await;
        written.ok_or_else(|| SpokeError::stopped(stop))??;
        Ok(Some(pass))
    }

    /// Writes one of the two signs of life.
    async fn renew_sign(&self, life: SignOfLife, standing: &Standing) -> Result<(), LedgerError> {
        let beside = &standing.beside;
        match standing.signs.to_renew(&beside.introduction()) {
            Sign::Own => self.receipts.put_spoke(&self.sign_of_life(life, beside)).await,
            Sign::Organization => {
                self.receipts.put_seen(&with_neighbours(self.sign_of_life(life, beside), beside)).await
            }
        }
    }
}
