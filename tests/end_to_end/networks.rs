//! Places in which AWS is not simply there: behind a proxy, behind a root of the place's own, with
//! a page in between; and the ways in which people sign in. Each is honoured as the AWS CLI does,
//! or ends in a sentence that says what to do.

use std::path::Path;
use std::time::{Duration, Instant};

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse as _;
use pmp_tests::{ALPHA_PROD, Finished, Manners, Program, Proxy, Scene, Tap, world};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::doctor::Checkup;

/// Failed, and said so in sentences: nothing in the form of Rust's types.
#[track_caller]
fn told(finished: &Finished, error: &str, hint: &str) {
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(finished.stderr.contains(error), "`{error}`: {}", finished.stderr);
    assert!(finished.stderr.contains(hint), "`{hint}`: {}", finished.stderr);
    for debug in [" { ", "Error(", "Some(", " kind:", "panicked", "WARN"] {
        assert!(!finished.stderr.contains(debug), "`{debug}`: {}", finished.stderr);
    }
}

/// The program as it is told to call AWS by its own names, through `proxy`.
fn through(program: &Program, proxy: &Proxy, url: &str) -> Program {
    let bundle = proxy.bundle();
    let program = program.without("AWS_ENDPOINT_URL");
    program.with(&[("HTTPS_PROXY", url), ("AWS_CA_BUNDLE", bundle.to_str().unwrap())])
}

fn has(saw: &[String], host: &str) -> bool {
    saw.iter().any(|seen| seen == &format!("{host}:443"))
}

#[tokio::test]
async fn a_proxy_and_a_private_root_are_all_that_has_to_be_said() {
    let scene = Scene::start_behind_proxy(world(&["prod-a"], &["prod-x"])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let approved = scene.alpha_account.lists(ALPHA_PROD).await.approved;
    assert_eq!(approved.into_iter().collect::<Vec<_>>(), ["prod-a"]);
    assert!(scene.states().await.contains(&(ALPHA_PROD.to_owned(), "SYNCED".to_owned())), "{:?}", scene.states().await);
    let saw = scene.proxy().saw();
    for host in [
        "catalog.marketplace.us-east-1.amazonaws.com",
        "sns.us-east-1.amazonaws.com",
        "sqs.us-east-1.amazonaws.com",
        "sts.us-east-1.amazonaws.com",
    ] {
        assert!(has(&saw, host), "{host}: {saw:?}");
    }
    assert!(saw.iter().any(|host| host.contains("dynamodb.") || host.contains(".ddb.")), "{saw:?}");
    for program in [&scene.hub, &scene.spoke] {
        let checkup = Checkup::of(program).await;
        checkup.expect_ok("network", &format!("proxy `{}` (HTTPS_PROXY)", scene.proxy().url()));
        checkup.expect_ok("network", "the 1 root of `");
        checkup.expect_ok("network", "private-root.pem` (AWS_CA_BUNDLE) alone");
        let catalog =
            "aws-marketplace of us-east-1 at https://catalog.marketplace.us-east-1.amazonaws.com through `http://127";
        checkup.expect_ok("network", catalog);
        checkup.expect_ok("credentials", "of AWS_ACCESS_KEY_ID");
    }
}

#[tokio::test]
async fn a_bundle_of_the_profile_is_trusted_too_and_that_of_the_environment_goes_before_it() {
    let scene = Scene::start_behind_proxy(world(&["prod-a"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    let bundle = scene.proxy().bundle();
    std::fs::write(&config, format!("[profile inspected]\nca_bundle = {}\n", bundle.display())).unwrap();
    let profile = [("AWS_CONFIG_FILE", config.to_str().unwrap()), ("AWS_PROFILE", "inspected"), ("AWS_CA_BUNDLE", " ")];
    let hub = scene.hub.with(&profile);
    assert_eq!(hub.run(&["publish"]).await.code, 0);
    Checkup::of(&hub).await.expect_ok("network", "(`ca_bundle` of the profile `inspected`) alone");
    let other = Proxy::start(&scene.endpoint(), Manners::Open).await;
    let hub = hub.with(&[("AWS_CA_BUNDLE", other.bundle().to_str().unwrap())]);
    told(&hub.run(&["publish"]).await, "is issued by none of those who are trusted", "AWS_CA_BUNDLE");
}

#[tokio::test]
async fn a_root_that_nobody_named_is_told_at_once_with_the_way_to_name_it() {
    let scene = Scene::start_behind_proxy(world(&["prod-a"], &[])).await;
    let begun = Instant::now();
    // The machine's own roots, of which there may be none here: those of another place stand for
    // them.
    let other = Proxy::start(&scene.endpoint(), Manners::Open).await;
    let (foreign, right) = (other.bundle(), scene.proxy().bundle());
    let machine = [("AWS_CA_BUNDLE", ""), ("SSL_CERT_FILE", foreign.to_str().unwrap())];
    let ran = scene.hub.with(&machine).run(&["publish"]).await;
    told(
        &ran,
        "the certificate of `dynamodb.us-east-1.amazonaws.com:443`, through the proxy `http://127.0.0.1:",
        "hint: where something in between looks into TLS, name a file with its root: AWS_CA_BUNDLE",
    );
    assert!(ran.stderr.contains("(the roots of SSL_CERT_FILE)"), "{}", ran.stderr);
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    told(
        &scene.spoke.with(&machine).run(&["plan"]).await,
        "is issued by none of those who are trusted",
        "AWS_CA_BUNDLE",
    );
    // Where they are the right ones, no bundle is needed.
    let right = [("AWS_CA_BUNDLE", ""), ("SSL_CERT_FILE", right.to_str().unwrap())];
    assert_eq!(scene.hub.with(&right).run(&["publish"]).await.code, 0);
}

#[tokio::test]
async fn a_bundle_that_is_none_is_refused_at_the_start() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    for (path, problem) in [
        (folder.path().join("missing.pem").to_str().unwrap().to_owned(), "which cannot be read: No such file"),
        (file("empty.pem", b"\n"), "which is empty"),
        (file("page.pem", b"<html>Sign in</html>"), "which holds no certificate in PEM"),
        (file("root.der", &[0x30, 0x82, 0x01, 0x8c]), "which is DER, not PEM"),
        (folder.path().to_str().unwrap().to_owned(), "which is a folder"),
    ] {
        for (program, command) in [(&scene.hub, "publish"), (&scene.spoke, "plan")] {
            let program = program.with(&[("AWS_CA_BUNDLE", &path)]);
            let ran = program.run(&[command]).await;
            told(&ran, &format!("AWS_CA_BUNDLE names the file `{path}` of roots, {problem}"), "hint: ");
            let checkup = Checkup::of(&program).await;
            checkup.expect("credentials", "failed", problem, "");
        }
    }
}

#[tokio::test]
async fn a_proxy_that_asks_for_a_password_gets_it_and_nobody_else_sees_it() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    // user:p@ss word
    let manners = Manners::Asks("Basic dXNlcjpwQHNzIHdvcmQ=".to_owned());
    let proxy = Proxy::start(&scene.endpoint(), manners).await;
    let hub = through(&scene.hub, &proxy, &proxy.url_of("user:p%40ss%20word"));
    assert_eq!(hub.run(&["publish"]).await.code, 0);
    let doctor = hub.run(&["doctor", "-o", "json"]).await;
    assert_eq!(doctor.code, 0, "{doctor:?}");
    assert!(
        doctor.stdout.contains(&proxy.url()) && !doctor.stdout.contains("p%40ss") && !doctor.stdout.contains("user:")
    );
    for user in ["user:wrong", "user"] {
        let ran = through(&scene.spoke, &proxy, &proxy.url_of(user)).run(&["plan"]).await;
        let asks =
            format!("the proxy `{}` (HTTPS_PROXY) asks for a user and a password, or does not take those", proxy.url());
        told(&ran, &asks, "hint: set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT");
        assert!(!ran.stderr.contains("wrong"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn a_proxy_that_refuses_or_is_not_there_is_named() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let proxy = Proxy::start(&scene.endpoint(), Manners::Refuses).await;
    let ran = through(&scene.hub, &proxy, &proxy.url()).run(&["publish"]).await;
    told(
        &ran,
        "(HTTPS_PROXY) refused to connect to `dynamodb.us-east-1.amazonaws.com:443`",
        "or put `dynamodb.us-east-1.amazonaws.com` into NO_PROXY",
    );
    let hurried = [("PMP_CONNECT_TIMEOUT", "1s")];
    let gone = through(&scene.hub, &proxy, "http://127.0.0.1:9").with(&hurried).run(&["publish"]).await;
    told(&gone, "the proxy `http://127.0.0.1:9` (HTTPS_PROXY) refused the connection", "hint: check HTTPS_PROXY");
    let nameless = through(&scene.hub, &proxy, "http://proxy.invalid:3128").with(&hurried).run(&["publish"]).await;
    told(
        &nameless,
        "the name of the proxy `http://proxy.invalid:3128` (HTTPS_PROXY) is not known",
        "hint: check HTTPS_PROXY",
    );
    for (value, problem) in [
        ("socks5://127.0.0.1:9", "HTTPS_PROXY names a SOCKS proxy, which cannot be used"),
        ("http://user:not to be seen@proxy", "HTTPS_PROXY is not the URL of a proxy"),
        ("http://127.0.0.1:99999", "HTTPS_PROXY is not the URL of a proxy"),
        ("http:/127.0.0.1", "HTTPS_PROXY is not the URL of a proxy"),
    ] {
        let ran = through(&scene.spoke, &proxy, value).run(&["plan"]).await;
        told(&ran, problem, "hint: set HTTPS_PROXY to another value, or unset it");
        assert!(!ran.stderr.contains("to be seen"), "{}", ran.stderr);
    }
}

#[tokio::test]
async fn what_no_proxy_names_goes_without_and_so_does_this_machine() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let proxy = Proxy::start(&scene.endpoint(), Manners::Open).await;
    let (url, endpoint) = (proxy.url(), scene.endpoint());
    // The embedded AWS is at 127.0.0.1.
    let both = scene.hub.with(&[("AWS_ENDPOINT_URL", &endpoint), ("HTTPS_PROXY", &url), ("HTTP_PROXY", &url)]);
    let both = both.with(&[("https_proxy", ""), ("http_proxy", "")]);
    assert_eq!(both.run(&["publish"]).await.code, 0);
    assert_eq!(proxy.connections(), 0);
    // Without TLS, the proxy is asked for whole URLs.
    let plain = both.with(&[("AWS_ENDPOINT_URL", "http://aws.internal")]);
    let ran = plain.run(&["publish"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(proxy.saw(), ["aws.internal"]);
    let before = proxy.connections();
    for except in ["*.internal", "10.0.0.0/8, aws.internal:80"] {
        let ran = plain.with(&[("NO_PROXY", except), ("PMP_CONNECT_TIMEOUT", "1s")]).run(&["publish"]).await;
        told(&ran, "the name `aws.internal` is not known here", "Where a proxy is the only way out: HTTPS_PROXY");
    }
    assert_eq!(proxy.connections(), before);
    let ran = plain.with(&[("no_proxy", "aws.internal:8080,10.0.0.0/8")]).run(&["publish"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    Checkup::of(&plain.with(&[("NO_PROXY", ".example")])).await.expect_ok("network", "not for .example (NO_PROXY)");
}

#[tokio::test]
async fn an_agent_lives_behind_the_proxy_and_outlives_its_restart() {
    let scene = Scene::start_behind_proxy(world(&["prod-a"], &[])).await;
    let agent = scene.spoke.with(&[("PMP_LOG", "info")]).start(&["run"]);
    scene.hub.json(&["publish"]).await;
    pmp_tests::within(Duration::from_secs(30), "the spoke is in step", async || {
        let lists = scene.alpha_account.lists(ALPHA_PROD).await;
        if lists.approved.contains("prod-a") { Ok(()) } else { Err(format!("{lists:?}")) }
    })
    .await;
    let (code, log) = agent.stop().await;
    assert_eq!(code, 0, "{log}");
    assert!(has(&scene.proxy().saw(), "sqs.us-east-1.amazonaws.com"), "{:?}", scene.proxy().saw());
}

/// A server that answers everything with a page for people.
struct BlockPage {
    endpoint: String,
    server: JoinHandle<()>,
}

impl BlockPage {
    async fn start(status: u16) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        let page = move || async move {
            (status, [(header::CONTENT_TYPE, "text/html; charset=utf-8")], "<html>Sign in</html>").into_response()
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, Router::new().fallback(page)).await.unwrap() });
        Self { endpoint, server }
    }
}

impl Drop for BlockPage {
    fn drop(&mut self) {
        self.server.abort();
    }
}

#[tokio::test]
async fn a_page_in_between_is_never_taken_for_an_answer_of_awss() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    // 503 is a load balancer's, too: it is asked again, for some seconds.
    for status in [503, 200, 302, 403, 407] {
        let page = BlockPage::start(status).await;
        let in_place = [("AWS_ENDPOINT_URL", page.endpoint.as_str())];
        let text = format!("something in between answered in AWS's place (HTTP {status}, text/html)");
        let all = [(&scene.hub, "publish"), (&scene.hub, "status"), (&scene.spoke, "sync")];
        for (program, command) in all.into_iter().take(if status == 503 { 1 } else { 3 }) {
            let ran = program.with(&in_place).run(&[command]).await;
            told(&ran, &text, "hint: look for what is in between: a proxy (HTTPS_PROXY), a page to sign in");
        }
        let checkup = Checkup::of(&scene.spoke.with(&in_place)).await;
        checkup.expect("account", "failed", &text, "look for what is in between");
    }
    // In place of the catalog alone: nothing is applied, and the receipt says why.
    let page = BlockPage::start(403).await;
    let spoke = scene.spoke.with(&[("AWS_ENDPOINT_URL_MARKETPLACE_CATALOG", page.endpoint.as_str())]);
    told(
        &spoke.run(&["sync"]).await,
        "something in between answered in AWS's place (HTTP 403, text/html)",
        "hint: look",
    );
}

/// A profile in a file of its own, and no credentials elsewhere.
fn with_profile(program: &Program, folder: &Path, profile: &str) -> Program {
    let config = folder.join("config");
    std::fs::write(&config, profile).unwrap();
    let home = folder.to_str().unwrap();
    program.with(&[
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("HOME", home),
        ("AWS_CONFIG_FILE", config.to_str().unwrap()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere"),
        ("AWS_PROFILE", "work"),
    ])
}

#[tokio::test]
async fn each_way_to_sign_in_ends_in_the_command_to_run() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    let export = "`eval \"$(aws configure export-credentials --profile work --format env)\"`";
    let cases = [
        (
            "[profile work]\nlogin_session = arn:aws:iam::111111111111:user/me\n",
            "the profile `work` signs in by `aws login`",
            "hint: run `aws login --profile work`, then `eval",
        ),
        (
            "[profile work]\nsource_profile = base\nrole_arn = arn:aws:iam::111111111111:role/r\n[profile base]\nlogin_session = arn:aws:iam::111111111111:user/me\n",
            "the profile `base` signs in by `aws login`",
            export,
        ),
        (
            "[profile work]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = Admin\n[sso-session corp]\nsso_region = us-east-1\nsso_start_url = https://corp.awsapps.com/start\n",
            "the profile `work` signs in by IAM Identity Center, and nobody is signed in",
            "hint: run `aws sso login --profile work`",
        ),
        (
            "[profile work]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = us-east-1\nsso_account_id = 111111111111\nsso_role_name = Admin\n",
            "the profile `work` signs in by IAM Identity Center, and nobody is signed in",
            "hint: run `aws sso login --profile work`",
        ),
        (
            "[profile work]\nrole_arn = arn:aws:iam::111111111111:role/none\nmfa_serial = arn:aws:iam::111111111111:mfa/me\nsource_profile = keys\n[profile keys]\naws_access_key_id = 222222222222\naws_secret_access_key = secret\n",
            "the role of the profile `work` takes a code of an MFA device, for which this program cannot ask (AccessDenied",
            export,
        ),
        (
            "[profile work]\nrole_arn = arn:aws:iam::111111111111:role/none\nsource_profile = keys\n[profile keys]\naws_access_key_id = 222222222222\naws_secret_access_key = secret\n",
            "the role of the profile `work` could not be assumed: AccessDenied",
            "hint: check `role_arn` and `external_id` of the profile",
        ),
        (
            "[profile work]\nregion = us-east-1\n",
            "no credentials were found in the environment, in the profile `work`",
            "hint: check the credentials",
        ),
    ];
    for (profile, error, hint) in cases {
        for (program, command) in [(&scene.hub, "publish"), (&scene.spoke, "plan")] {
            let program = with_profile(program, folder.path(), profile);
            told(&program.run(&[command]).await, error, hint);
            Checkup::of(&program).await.expect(
                "credentials",
                "failed",
                error,
                hint.trim_start_matches("hint: check the credentials").trim_start_matches("hint: "),
            );
        }
    }
    // Where the keys of a profile do, it says so.
    let keys = "[profile work]\naws_access_key_id = 111111111111\naws_secret_access_key = secret\n";
    let hub = with_profile(&scene.hub, folder.path(), keys);
    Checkup::of(&hub).await.expect_ok("credentials", "of the profile `work` (AWS_PROFILE)");
}

#[tokio::test]
async fn a_wrong_external_id_leads_to_the_hubs_role_and_not_to_ones_own_credentials() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let ran = scene.spoke.with(&[("PMP_HUB_EXTERNAL_ID", "\"quoted\"")]).run(&["plan"]).await;
    told(
        &ran,
        "the role `arn:aws:iam::111111111111:role/member-o-alpha00000` could not be assumed: AccessDenied: ",
        "hint: check --hub-role-arn (PMP_HUB_ROLE_ARN) and --hub-external-id (PMP_HUB_EXTERNAL_ID)",
    );
}

#[tokio::test]
async fn a_session_that_has_ended_says_how_to_sign_in_again() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let ended = [("AWS_ACCESS_KEY_ID", "ASIAENDED00000000001"), ("AWS_SESSION_TOKEN", "ended")];
    told(&scene.hub.with(&ended).run(&["publish"]).await, "ExpiredToken", "hint: sign in again");
}

#[tokio::test]
async fn the_catalogs_endpoint_of_a_profile_counts_in_either_spelling() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    for spelling in ["marketplace_catalog", "marketplace-catalog"] {
        let tap = Tap::open(&scene.endpoint()).await;
        let config = format!(
            "[profile mock]\nservices = local\nendpoint_url = {}\n[services local]\n{spelling} =\n  endpoint_url = {}\n",
            scene.endpoint(),
            tap.endpoint()
        );
        let path = folder.path().join(spelling);
        std::fs::write(&path, config).unwrap();
        // Not even blank: a variable that is there counts for the SDK.
        let hub = scene.hub.without("AWS_ENDPOINT_URL");
        let hub = hub.with(&[("AWS_CONFIG_FILE", path.to_str().unwrap()), ("AWS_PROFILE", "mock")]);
        assert_eq!(hub.run(&["publish"]).await.code, 0, "{spelling}");
        let calls = tap.calls();
        assert!(!calls.is_empty() && calls.iter().all(|call| call.ends_with("Entity")), "{spelling}: {calls:?}");
        let checkup = Checkup::of(&hub).await;
        checkup.expect_ok("network", &format!("at {} (`endpoint_url` of the profile `mock`)", tap.endpoint()));
        // The environment goes before it.
        let before = tap.calls().len();
        let hub = hub.with(&[("AWS_ENDPOINT_URL_MARKETPLACE_CATALOG", &scene.endpoint())]);
        assert_eq!(hub.run(&["publish"]).await.code, 0);
        assert_eq!(tap.calls().len(), before, "{spelling}");
    }
}

#[tokio::test]
async fn an_endpoint_of_the_profile_counts_beside_a_blank_variable() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    let endpoint = scene.endpoint();
    let tap = Tap::open(&endpoint).await;
    let with = |config: &str| {
        let path = folder.path().join("config");
        std::fs::write(&path, config).unwrap();
        scene.hub.with(&[("AWS_CONFIG_FILE", path.to_str().unwrap()), ("AWS_PROFILE", "")])
    };
    let blank = [("AWS_ENDPOINT_URL", ""), ("AWS_ENDPOINT_URL_DYNAMODB", " ")];
    for config in [
        format!("[default]\nendpoint_url = {}\n", tap.endpoint()),
        format!(
            "[default]\nservices = mock\nendpoint_url = {endpoint}\n[services mock]\ndynamodb =\n  endpoint_url = {}\n",
            tap.endpoint()
        ),
    ] {
        let before = tap.calls().len();
        let ran = with(&config).with(&blank).run(&["publish"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(tap.calls()[before..].iter().any(|call| call == "TransactWriteItems" || call == "GetItem"), "{config}");
    }
    for (config, problem) in [
        (
            "[default]\nendpoint_url = localhost:4566\n",
            "`endpoint_url` of the profile `default` is not the URL of an endpoint",
        ),
        (
            "[default]\nservices = mock\n[services mock]\ndynamodb =\n  endpoint_url = localhost:4566\n",
            "`endpoint_url` of `dynamodb` in `[services mock]` is not the URL of an endpoint",
        ),
        (
            "[default]\nservices = typo\n[services mock]\ndynamodb =\n  endpoint_url = http://127.0.0.1:9\n",
            "the profile `default` names `typo` as its section of `services`, and there is no such section",
        ),
    ] {
        told(&with(config).run(&["publish"]).await, problem, "hint: ");
    }
}

#[tokio::test]
async fn fips_dual_stack_regions_and_account_hosts_are_those_that_were_asked_for() {
    let scene = Scene::start_behind_proxy(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let asked = async |set: &[(&str, &str)]| {
        // A proxy of its own, so that what it saw is what was asked for now.
        let proxy = Proxy::start(&scene.endpoint(), Manners::Open).await;
        let ran = through(&scene.hub, &proxy, &proxy.url()).with(set).run(&["publish"]).await;
        (ran, proxy.saw())
    };
    for (set, hosts) in [
        (
            &[("AWS_USE_FIPS_ENDPOINT", "true")][..],
            &["catalog.marketplace-fips.us-east-1.amazonaws.com", "dynamodb-fips.us-east-1.amazonaws.com"][..],
        ),
        (&[("AWS_USE_DUALSTACK_ENDPOINT", "true")], &["catalog-marketplace.us-east-1.api.aws"]),
        (&[("AWS_ACCOUNT_ID_ENDPOINT_MODE", "disabled")], &["dynamodb.us-east-1.amazonaws.com"]),
        (&[("AWS_REGION", "")], &["catalog.marketplace.us-east-1.amazonaws.com"]),
    ] {
        let (ran, saw) = asked(set).await;
        assert_eq!(ran.code, 0, "{set:?}: {ran:?} {saw:?}");
        assert!(hosts.iter().all(|host| has(&saw, host)), "{set:?}: {saw:?}");
    }
    // The platform's region is not the catalog's.
    let tables = [
        ("AWS_REGION", "eu-central-1"),
        ("PMP_SNAPSHOTS_TABLE", "arn:aws:dynamodb:us-east-1:111111111111:table/Snapshots"),
        ("PMP_TIMESTAMPS_TABLE", "arn:aws:dynamodb:us-east-1:111111111111:table/SyncTimestamps"),
    ];
    let (ran, saw) = asked(&tables).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(has(&saw, "catalog.marketplace.us-east-1.amazonaws.com"), "{saw:?}");
    // Who this is, which the audit has to say, is asked where the platform is.
    let elsewhere = |host: &String| host.contains("eu-central-1") && !host.starts_with("sts.");
    assert!(!saw.iter().any(elsewhere), "{saw:?}");
    for (name, value, problem) in [
        ("AWS_USE_FIPS_ENDPOINT", "yes", "AWS_USE_FIPS_ENDPOINT is not true or false: \"yes\""),
        (
            "AWS_ACCOUNT_ID_ENDPOINT_MODE",
            "bogus",
            "AWS_ACCOUNT_ID_ENDPOINT_MODE is not preferred or disabled or required",
        ),
    ] {
        let (ran, saw) = asked(&[(name, value)]).await;
        told(&ran, problem, &format!("hint: set {name} to another value, or unset it"));
        assert_eq!(saw, Vec::<String>::new());
    }
}
