//! The order of things: twin, what is before, attack, twin again, verdict.

use std::ops::ControlFlow;

use super::exchange::{Answer, Outgoing};
use super::fill::fill;
use super::many::together;
use super::plan::Plan;
use super::render::{Rendered, Unsent, render};
use super::sender::Sender;
use super::shot::{Counting, Honest, Kit, Shot, fresh_nonce, is_request};
use super::twin::{Pair, served};
use super::world::World;
use crate::attack::{Act, Attack, Fill, Many, Need, Step, Variant};
use crate::catalogue::Catalogue;
use crate::forge::Material;
use crate::judge::Verdict;
use crate::report::{Outcome, Redact, Report};
use crate::target::Target;

/// A catalogue, the service's honest request, and the world behind it. See the
/// [module](crate::run).
#[derive(Debug)]
pub struct Run<'c> {
    catalogue: &'c Catalogue,
    target: Target,
    world: World,
}

impl<'c> Run<'c> {
    /// The attacks of `catalogue` on its target, in `world`.
    #[must_use]
    pub fn new(catalogue: &'c Catalogue, world: World) -> Self {
        let mut target = catalogue.target().clone();
        if let (None, Some((own, other))) = (&target.tenants, world.tenants()) {
            target = target.with_tenants(own, other);
        }
        Self {
            catalogue,
            target,
            world,
        }
    }

    /// What an honest request looks like, the tenants' names included.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// What would be sent, without sending anything.
    #[must_use]
    pub fn plan(&self) -> Plan {
        let kit = Kit::new(&self.world);
        let mut plan = Plan::default();
        for attack in self.catalogue.attacks() {
            let missing = self.missing(attack, &kit);
            let requests = if missing.is_empty() {
                self.requests(attack, &kit)
            } else {
                Vec::new()
            };
            plan.add(attack, missing, requests);
        }
        plan
    }

    /// Sends every attack, one after the other.
    pub async fn against(&self, sender: &impl Sender) -> Report {
        self.against_each(sender, |_| ControlFlow::Continue(()))
            .await
    }

    /// The same; `each` sees every outcome, and may end the run with a reason.
    pub async fn against_each(
        &self,
        sender: &impl Sender,
        mut each: impl FnMut(&Outcome) -> ControlFlow<String>,
    ) -> Report {
        let sender = Counting::new(sender);
        let mut report = Report::new(self.target.to_string(), self.target.wire);
        report.leave_out(self.catalogue.left_out());
        let mut stopped: Option<String> = None;
        let mut kit = Kit::new(&self.world);
        if let Err(why) = self.acquaint(&sender, &mut kit).await {
            report.unreached(why.clone());
            stopped = Some(why);
        }
        for attack in self.catalogue.attacks() {
            let missing = self.missing(attack, &kit);
            let outcome = if !missing.is_empty() {
                Outcome::new(attack, Verdict::NotApplicable { needs: missing })
            } else if let Some(why) = &stopped {
                Outcome::new(attack, Verdict::NotRun { why: why.clone() })
            } else {
                let outcome = self.attack(attack, &sender, &kit).await;
                if let ControlFlow::Break(why) = each(&outcome) {
                    stopped = Some(why);
                }
                outcome
            };
            report.add(outcome);
        }
        report.sent(sender.count());
        report
    }

    /// What an attack needs and nobody offers.
    fn missing(&self, attack: &Attack, kit: &Kit) -> Vec<Need> {
        attack
            .needs()
            .iter()
            .copied()
            .filter(|need| !self.target.offers(*need) && !kit.offered.contains(need))
            .collect()
    }

    /// The service is there, serves an honest request, and its answers tell whose they are.
    async fn acquaint<S: Sender>(
        &self,
        sender: &Counting<'_, S>,
        kit: &mut Kit,
    ) -> Result<(), String> {
        self.world.reset().await?;
        let fill = fill(&self.target, &self.world)?;
        let mirrored = fill.mirrored();
        let own = self.honest(sender, kit, &fill, &[]).await?.1;
        // Own, other, other, own: by turns, two instances of a service that are asked by turns too
        // would each see one tenant only. That tenant's token may be good for nothing here.
        let other = match fill.other.token.is_empty() {
            true => None,
            false => self.twice(sender, kit, &mirrored).await,
        };
        let again = self.honest(sender, kit, &fill, &[]).await?.1;
        if let Some((marker, _)) = &self.target.markers
            && !own.text().contains(marker.as_str())
        {
            return Err("the honest answer does not hold the own tenant's marker".into());
        }
        kit.honest = Some(Honest {
            own: (own, again),
            other,
        });
        Ok(())
    }

    /// The same honest request twice, where both are served.
    async fn twice<S: Sender>(
        &self,
        sender: &Counting<'_, S>,
        kit: &Kit,
        fill: &Fill,
    ) -> Option<(Answer, Answer)> {
        let (_, first) = self.honest(sender, kit, fill, &[]).await.ok()?;
        let (_, second) = self.honest(sender, kit, fill, &[]).await.ok()?;
        Some((first, second))
    }

    /// Sends an honest request, which must be served.
    async fn honest<S: Sender>(
        &self,
        sender: &Counting<'_, S>,
        kit: &Kit,
        fill: &Fill,
        steps: &[Step],
    ) -> Result<(Outgoing, Answer), String> {
        let outgoing = self.render(steps, fill, kit)?.outgoing;
        let answer = sender.send(outgoing.clone()).await;
        let answer = served(self.target.wire, answer.as_ref())?.clone();
        Ok((outgoing, answer))
    }

    /// One attack, from twin to twin.
    async fn attack<S: Sender>(
        &self,
        attack: &Attack,
        sender: &Counting<'_, S>,
        kit: &Kit,
    ) -> Outcome {
        let not_run = |why: String| Outcome::new(attack, Verdict::NotRun { why });
        let fill = match fill(&self.target, &self.world) {
            Ok(fill) => fill,
            Err(why) => return not_run(why),
        };
        let own = match self.begin(attack, sender, kit, &fill, false).await {
            Ok(own) => own,
            Err(outcome) => return *outcome,
        };
        let mirrored = match attack.many() {
            Some(Many::Interleave(_)) => {
                let fill = fill.mirrored();
                match self.begin(attack, sender, kit, &fill, true).await {
                    Ok(mirrored) => Some(mirrored),
                    Err(outcome) => return *outcome,
                }
            }
            Some(Many::Abandon(_)) | None => None,
        };
        let mut shots = Vec::new();
        let mut unsent = Vec::new();
        for variant in attack.variants() {
            let fill = fill.clone().with_nonce(fresh_nonce());
            match self.variant(attack, variant, &fill, sender, kit).await {
                Ok(more) => shots.extend(more),
                Err(why) => unsent.push(why),
            }
            if !variant.before().iter().all(is_request)
                && let Err(why) = self.world.reset().await
            {
                return not_run(why);
            }
        }
        let mirrored = match mirrored {
            Some(mirrored) => Some(mirrored.end(sender).await),
            None => None,
        };
        let own = own.end(sender).await;
        let pair = Pair { own, mirrored };
        self.weigh(attack, kit, &fill, &pair, (shots, unsent))
    }

    /// What is before a variant, and its requests.
    async fn variant<S: Sender>(
        &self,
        attack: &Attack,
        variant: &Variant,
        fill: &Fill,
        sender: &Counting<'_, S>,
        kit: &Kit,
    ) -> Result<Vec<Shot>, Unsent> {
        // Tokens are forged in the world as it was: an attacker has them before.
        let rendered = self.render(variant.steps(), fill, kit)?;
        let mirrored = fill.mirrored();
        for act in variant.before() {
            let (steps, fill) = match act {
                Act::Send(steps) => (steps, fill),
                Act::SendAsOther(steps) => (steps, &mirrored),
                Act::Clock(_) | Act::Keys(_) | Act::RevokeUser | Act::Suspend(_) => {
                    self.world.turn(act).await?;
                    continue;
                }
            };
            let request = self.render(steps, fill, kit)?;
            // What comes back is of no interest; the attack may be that something stays behind.
            let _ = sender.send(request.outgoing).await;
        }
        match attack.many() {
            None => {}
            Some(Many::Abandon(count)) => {
                let mut shots = Vec::new();
                for moment in 0..count {
                    let request = self.render(variant.steps(), &mirrored, kit)?;
                    sender.admit(1).await?;
                    sender.abandon(request.outgoing, moment).await;
                    let rendered = self.render(variant.steps(), fill, kit)?;
                    let answer = sender.send(rendered.outgoing.clone()).await;
                    shots.push(Shot::new(rendered, answer, false));
                }
                return Ok(shots);
            }
            Some(Many::Interleave(count)) => {
                let mut requests = Vec::new();
                for _ in 0..count {
                    requests.push((false, self.render(variant.steps(), fill, kit)?));
                    requests.push((true, self.render(variant.steps(), &mirrored, kit)?));
                }
                sender.admit(requests.len()).await?;
                let sent = requests.into_iter().map(|(mirrored, rendered)| async move {
                    let answer = sender.send(rendered.outgoing.clone()).await;
                    Shot::new(rendered, answer, mirrored)
                });
                return Ok(together(sent).await);
            }
        }
        let answer = sender.send(rendered.outgoing.clone()).await;
        Ok(vec![Shot::new(rendered, answer, false)])
    }

    /// Every request of an attack, for a plan.
    fn requests(&self, attack: &Attack, kit: &Kit) -> Vec<Result<Vec<String>, String>> {
        let fill = match fill(&self.target, &self.world) {
            Ok(fill) => fill,
            Err(why) => return vec![Err(why)],
        };
        let redact = Redact::new(&fill);
        let line = |steps: &[Step], fill: &Fill| {
            let rendered = self.render(steps, fill, kit)?;
            Ok(redact.request(&rendered.outgoing))
        };
        let twin = || line(attack.twin(), &fill);
        let mirrored = || match attack.many() {
            Some(Many::Interleave(_)) => Some(line(attack.twin(), &fill.mirrored())),
            Some(Many::Abandon(_)) | None => None,
        };
        let mut requests = vec![twin()];
        requests.extend(mirrored());
        for variant in attack.variants() {
            for act in variant.before() {
                match act {
                    Act::Send(steps) => requests.push(line(steps, &fill)),
                    Act::SendAsOther(steps) => requests.push(line(steps, &fill.mirrored())),
                    Act::Clock(_) | Act::Keys(_) | Act::RevokeUser | Act::Suspend(_) => {}
                }
            }
            match attack.many() {
                None => {}
                Some(Many::Abandon(count)) => {
                    requests.push(line(variant.steps(), &fill.mirrored()));
                    for _ in 1..count {
                        requests.push(line(variant.steps(), &fill));
                        requests.push(line(variant.steps(), &fill.mirrored()));
                    }
                }
                Some(Many::Interleave(count)) => {
                    for _ in 1..count {
                        requests.push(line(variant.steps(), &fill));
                        requests.push(line(variant.steps(), &fill.mirrored()));
                    }
                    requests.push(line(variant.steps(), &fill.mirrored()));
                }
            }
            requests.push(line(variant.steps(), &fill));
        }
        requests.extend(mirrored());
        requests.push(twin());
        requests
    }

    pub(super) fn render(
        &self,
        steps: &[Step],
        fill: &Fill,
        kit: &Kit,
    ) -> Result<Rendered, Unsent> {
        let mut material = Material::new(fill, &kit.attacker);
        material.trusted = kit.trusted.as_ref();
        material.public_keys = kit.public_keys.as_deref();
        render(&self.target, steps, &material)
    }
}
