//! The kinds of credential: which ones an issuer may issue, and which of them must be wanted.

use throughline_identity::{Audience, CredentialKind, Issuer, IssuerBuilder, Profile, Tenancy};

use crate::kit::{Key, problem, set, tenant};

fn issuer(profile: Profile) -> IssuerBuilder {
    let name = if profile == Profile::SPIFFE {
        "spiffe://prod.example"
    } else {
        "https://id.example"
    };
    Issuer::builder("id", profile)
        .named(name)
        .with_audience(Audience::one_of(["api://orders"]))
        .with_tenancy(Tenancy::claim("hd").only([tenant("acme")]))
        .with_keys(set(&[&Key::ed(0)]))
}

const UNASKED: [CredentialKind; 3] = [
    CredentialKind::ImpersonatedSession,
    CredentialKind::DelegatedAgent,
    CredentialKind::AutonomousAgent,
];

#[test]
fn nobody_acts_for_anybody_unless_it_is_said() {
    for profile in Profile::ALL {
        let issuer_of = issuer(profile).build().unwrap();
        let by_default: Vec<_> = issuer_of.kinds().collect();
        assert!(!by_default.is_empty(), "{profile:?}");
        assert!(
            UNASKED.iter().all(|kind| !by_default.contains(kind)),
            "{profile:?}"
        );
        // Each kind that the profile knows can be wanted, alone too.
        for kind in profile.kinds() {
            let wanted = issuer(profile).with_kinds([kind]).build().unwrap();
            assert_eq!(wanted.kinds().collect::<Vec<_>>(), [kind], "{profile:?}");
        }
    }
}

#[test]
fn a_kind_that_the_vendor_does_not_have_is_an_error_of_configuration() {
    for profile in Profile::ALL {
        let own: Vec<_> = profile.kinds().collect();
        for kind in CredentialKind::ALL
            .into_iter()
            .filter(|kind| !own.contains(kind))
        {
            let problem = problem(issuer(profile).with_kinds([kind]));
            assert!(problem.contains(kind.as_str()), "{profile:?}: {problem}");
        }
    }
}

#[test]
fn profiles_and_kinds_are_found_by_their_names() {
    for profile in Profile::ALL {
        assert_eq!(Profile::by_name(profile.name()), Some(profile));
        assert!(!profile.about().is_empty());
    }
    for kind in CredentialKind::ALL {
        assert_eq!(CredentialKind::from_name(kind.as_str()), Some(kind));
    }
    for nobody in ["", "Session", "workos", "oidc "] {
        assert_eq!(Profile::by_name(nobody), None, "{nobody}");
        assert_eq!(CredentialKind::from_name(nobody), None, "{nobody}");
    }
    // Half of its names would be a guess.
    assert!(Profile::WORKOS_AUTHKIT.names(None).is_empty());
    assert_eq!(Profile::WORKOS_AUTHKIT.names(Some("c")).len(), 3);
}
