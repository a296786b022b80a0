//! From arguments to something that can be run.

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use http::Method;
use throughline_testing::attack::Attack;
use throughline_testing::catalogue::Catalogue;
use throughline_testing::run::network::Network;
use throughline_testing::run::{Run, Sender, World};
use throughline_testing::target::{CredentialPlace, Target};

use super::address::Address;
use super::args::{Field, Place, ProbeArgs};
use super::markers::Listening;
use super::pace::Limits;
use super::scrub::Scrub;
use super::tenants::Named;
use super::tokens::{Token, TokenSource};
use super::{Failure, expired, markers};

/// The largest body, and the largest key set.
const MAX_FILE: u64 = 1024 * 1024;

/// Everything that a run takes.
#[derive(Debug)]
pub(super) struct Setup {
    pub(super) address: Address,
    pub(super) catalogue: Catalogue,
    pub(super) world: World,
    pub(super) network: Network,
    pub(super) limits: Limits,
    /// What a reader has to know about it.
    pub(super) notes: Vec<String>,
    /// Takes tokens out of what is printed.
    pub(super) scrub: Scrub,
    /// Whether requests that change something are sent.
    pub(super) allow_changes: bool,
    choice: Choice,
    has_other: bool,
    markers_are_given: bool,
}

impl Setup {
    /// Reads tokens and files, and checks everything that can be checked before a request.
    pub(super) async fn read(args: &ProbeArgs) -> Result<Self, Failure> {
        let mut address = Address::parse(&args.url)?;
        check_changes(args)?;
        let own = read_token("--token-from", &args.token_from).await?;
        let other = match &args.other_token_from {
            Some(source) => Some(read_token("--other-token-from", source).await?),
            None => None,
        };
        if other.as_ref() == Some(&own) {
            return Err("both tokens are the same, so nothing would be learnt".into());
        }
        let named = Named::find(args, &address, &own, other.as_ref())?;
        address.find(&named.own);
        let network = network(args, &address.base(&named.own))?;
        if let Some(method) = &args.grpc {
            let path = format!("/{}", method.trim_start_matches('/'));
            let path = path
                .parse()
                .map_err(|_| format!("`{method}` is no method of gRPC"))?;
            address = address.with_target(path);
        }
        let target = target(args, &address, &named)?;
        let old = match &args.expired_token_from {
            Some(source) => Some(read_token("--expired-token-from", source).await?),
            None => None,
        };
        let expired = old.as_ref().map(expired::attack).transpose();
        let expired = expired.map_err(|why| format!("--expired-token-from: {why}"))?;
        let tokens = [Some(&own), other.as_ref(), old.as_ref()];
        let scrub = Scrub::new(tokens.into_iter().flatten(), [&named.own, &named.other]);
        let choice = Choice {
            expired,
            only: args.only.clone(),
            skip: args.skip.clone(),
        };
        if let Some(id) = choice.unknown(&target) {
            return Err(format!("no attack is called `{id}`; `--dry-run` lists them").into());
        }
        let catalogue = choice.of(target);
        if catalogue.attacks().next().is_none() {
            return Err("no attack is left: `--skip` takes all that `--only` keeps".into());
        }
        let mut world = World::strangers(own.as_str(), other.as_ref().map(Token::as_str));
        if let Some(path) = &args.jwks {
            world = world.with_public_keys(&read_text(path)?);
        }
        let mut notes = named.notes;
        if !address.names_tenant() && args.tenant_header.is_none() {
            notes.push(NO_PLACE.into());
        }
        Ok(Self {
            address,
            catalogue,
            choice,
            world,
            network,
            limits: Limits {
                rate: args.rate,
                requests: args.max,
                time: Duration::from_secs(args.deadline),
            },
            notes,
            scrub,
            allow_changes: args.allow_changes,
            has_other: other.is_some(),
            markers_are_given: args.marker.is_some() && args.other_marker.is_some(),
        })
    }

    /// Learns from honest answers of both tenants what belongs to whom, unless it was said.
    pub(super) async fn learn(&mut self, sender: &impl Sender) {
        if self.markers_are_given {
            return;
        }
        // A run without attacks sends honest requests of both tenants, if it can. Two rounds, as
        // with three instances behind the address each tenant may meet its own in one.
        let none = self.catalogue.clone().only([]);
        let run = Run::new(&none, self.world.clone());
        let heard = Listening::to(sender);
        for _ in 0..2 {
            let report = run.against(&heard).await;
            if report.why_unreached().is_some() || !self.has_other {
                // The run itself will say why.
                return;
            }
        }
        let (own, other) = heard.into_answers();
        if other.len() < 2 {
            self.notes.push(NOT_SERVED.into());
            return;
        }
        let target = self.catalogue.target();
        let names = [target.own(), target.other()];
        match markers::learn(&own, &other, names) {
            Some((own, other)) => {
                let target = target.clone().with_markers(&own, &other);
                self.catalogue = self.choice.of(target);
            }
            None => self.notes.push(NO_MARKERS.into()),
        }
    }
}

const NOT_SERVED: &str = "the other tenant's honest request was not served, so its data is not known \
                          when it is seen";

const NO_MARKERS: &str = "nothing was found in the answers that only one tenant sees: they are judged \
                          by their status and by what differs; `--marker` and `--other-marker` say \
                          what to look for";

const NO_PLACE: &str = "the request names no tenant, so attacks on such places do not apply: write \
                        `{tenant}` into the url, or give `--tenant-header`";

/// Which attacks were asked for.
#[derive(Clone, Debug)]
struct Choice {
    expired: Option<Attack>,
    only: Vec<String>,
    skip: Vec<String>,
}

impl Choice {
    fn of(&self, target: Target) -> Catalogue {
        let mut catalogue = self.all(target);
        if !self.only.is_empty() {
            catalogue = catalogue.only(self.only.iter().map(String::as_str));
        }
        // What was not chosen need not be left out too.
        let skip = self.skip.iter().map(String::as_str);
        let skip: Vec<_> = skip.filter(|id| catalogue.has(id)).collect();
        catalogue.without(skip, "left out with `--skip`")
    }

    fn all(&self, target: Target) -> Catalogue {
        Catalogue::aimed(target).and(self.expired.clone())
    }

    /// The first id that no attack has.
    fn unknown(&self, target: &Target) -> Option<&str> {
        let all = self.all(target.clone());
        let mut ids = self.only.iter().chain(&self.skip);
        ids.find(|id| !all.has(id)).map(String::as_str)
    }
}

fn network(args: &ProbeArgs, base: &str) -> Result<Network, Failure> {
    let mut network = Network::new(base)?.with_time_limit(Duration::from_secs(args.timeout));
    if let Some(address) = args.connect_to {
        network = network.with_address(address);
    }
    match args.http2 || args.grpc.is_some() {
        true => Ok(network.with_http2()?),
        false => Ok(network),
    }
}

async fn read_token(option: &str, source: &TokenSource) -> Result<Token, Failure> {
    let token = source.read().await;
    token.map_err(|error| {
        // With its cause, as the option is said in front.
        let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}"));
        format!("{option}: {error}{}", cause.unwrap_or_default()).into()
    })
}

/// Nothing that changes something is the honest request, unless that is allowed.
fn check_changes(args: &ProbeArgs) -> Result<(), Failure> {
    let is_safe = args.method == Method::GET || args.method == Method::HEAD;
    if args.allow_changes || (is_safe && args.grpc.is_none()) {
        return Ok(());
    }
    Err(match &args.grpc {
        Some(method) => format!(
            "whether `{method}` changes something cannot be seen from here: call it with \
             `--allow-changes` if it may be called often"
        ),
        None => format!(
            "`{}` may change something: send it with `--allow-changes`",
            args.method
        ),
    }
    .into())
}

fn target(args: &ProbeArgs, address: &Address, named: &Named) -> Result<Target, Failure> {
    let body = args.body.as_deref().map(read_bytes).transpose()?;
    let mut target = match &args.grpc {
        Some(_) => {
            let message = body.unwrap_or_default();
            Target::grpc(&address.target())?.with_message(&message)
        }
        None => {
            let target = Target::http(&address.target())?.with_method(args.method.clone());
            match body {
                Some(body) => {
                    let text = String::from_utf8(body);
                    target.with_body(&text.map_err(|_| "--body: the file is no text")?)
                }
                None => target,
            }
        }
    };
    if let Some(host) = address.host() {
        target = target.with_host(host)?;
    }
    for Field(name, value) in &args.headers {
        let value = value
            .to_str()
            .map_err(|_| "--header: the value is no text")?;
        target = target.with_header(name.as_str(), value)?;
    }
    if let Some(name) = &args.tenant_header {
        target = target.with_header(name.as_str(), "{tenant}")?;
    }
    if let (Some(own), Some(other)) = (&args.marker, &args.other_marker) {
        target = target.with_markers(own, other);
    }
    Ok(target
        .with_tenants(&named.own, &named.other)
        .with_credential(match &args.credential {
            Place::Bearer => CredentialPlace::Bearer,
            Place::Cookie(name) => CredentialPlace::Cookie(name.clone()),
            Place::Header(name) => CredentialPlace::Header(name.clone()),
            Place::TransactionToken => CredentialPlace::TransactionToken,
        }))
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let name = path.display();
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("{name}: {error}"))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("{name}: is longer than {MAX_FILE} bytes").into());
    }
    Ok(bytes)
}

fn read_text(path: &Path) -> Result<String, Failure> {
    let name = path.display();
    String::from_utf8(read_bytes(path)?).map_err(|_| format!("{name}: is no text").into())
}
