//! A guarded gRPC service. It serves tonic's own health protocol, so that the example needs no
//! protocol compiler; the field `service` of the request names the tenant.

use std::error::Error;
use std::time::Duration;

use throughline::{AcceptLayer, Freshness, TrustDomain};
use throughline_core::{Draft, Principal, Tenant, TrustDomainName};
use throughline_jose::{SigningKey, TokenIssuer};
use throughline_tonic::{DropTrailersLayer, RequestExt as _};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tonic::{Request, Response, Status, async_trait};
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

struct Ledger;

#[async_trait]
impl Health for Ledger {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        let cx = request.tenant_context()?;
        // The message is a witness: PERMISSION_DENIED, `tenant_mismatch`, where it disagrees.
        request.agree("service", |message| &message.service)?;
        println!("checked for {}", cx.tenant());
        Ok(Response::new(HealthCheckResponse { status: 1 }))
    }

    type WatchStream = tokio_stream::Empty<Result<HealthCheckResponse, Status>>;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        request.tenant_context()?;
        Ok(Response::new(tokio_stream::empty()))
    }
}

async fn serve(listener: TcpListener, domain: TrustDomain) -> Result<(), Box<dyn Error>> {
    Server::builder()
        // tonic would put trailers into the metadata, behind the back of the layer.
        .layer(DropTrailersLayer)
        .layer(AcceptLayer::new(domain))
        .add_service(HealthServer::new(Ledger))
        .serve_with_incoming(TcpListenerStream::new(listener))
        .await?;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (issuer, domain) = domain()?;
    let ada = Principal::new("okta", Tenant::new("acme")?, "ada")?;
    println!("TOKEN={}", issuer.mint(Draft::user(ada, domain.now())?)?);
    serve(TcpListener::bind("127.0.0.1:3000").await?, domain).await
}

fn domain() -> Result<(TokenIssuer, TrustDomain), Box<dyn Error>> {
    let issuer = TokenIssuer::new(
        TrustDomainName::new("prod.example")?,
        SigningKey::generate()?,
    );
    let domain = TrustDomain::new("prod.example")?
        .with_keys(issuer.key_source())
        .with_freshness(Freshness::lifetime_only(Duration::from_secs(300)));
    Ok((issuer, domain))
}

#[cfg(test)]
mod tests {
    use tonic::Code;
    use tonic::transport::Channel;
    use tonic_health::pb::health_client::HealthClient;

    use super::*;

    #[tokio::test]
    async fn a_tenant_is_served_for_itself_and_for_nobody_else() {
        let (issuer, domain) = domain().unwrap();
        let ada = Principal::new("okta", Tenant::new("acme").unwrap(), "ada").unwrap();
        let token = issuer
            .mint(Draft::user(ada, domain.now()).unwrap())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let origin = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { serve(listener, domain).await.unwrap() });

        let channel = Channel::from_shared(origin).unwrap().connect_lazy();
        let mut client = HealthClient::new(channel);
        let mut check = async |tenant: &str| {
            let mut request = Request::new(HealthCheckRequest {
                service: tenant.into(),
            });
            request
                .metadata_mut()
                .insert("txn-token", token.parse().unwrap());
            client.check(request).await.map_err(|status| status.code())
        };
        assert!(check("acme").await.is_ok());
        assert_eq!(check("globex").await.unwrap_err(), Code::PermissionDenied);
    }
}
