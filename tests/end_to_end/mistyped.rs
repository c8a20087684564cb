//! What a person mistypes ends in a sentence: nothing panics, nothing silently means something
//! else (rules 8 and 12).

use pmp_local_aws::world::{Experience, ProcurementPolicy};
use pmp_tests::{ALPHA, ALPHA_PROD, Finished, MANAGEMENT, Program, Scene, world};

use crate::doctor::Checkup;

/// Ran, and said so: code 1, with this in the error and this in the hint.
fn refused(finished: &Finished, error: &str, hint: &str) {
    assert_eq!(finished.code, 1, "{finished:?}");
    assert!(finished.stderr.contains(error), "`{error}`: {}", finished.stderr);
    assert!(finished.stderr.contains(hint), "`{hint}`: {}", finished.stderr);
    assert!(
        !finished.stderr.contains("panicked") && !finished.stderr.contains("this is a fault"),
        "{}",
        finished.stderr
    );
}

#[tokio::test]
async fn a_credential_with_a_stray_character_is_named_and_not_shown() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let copied = "it was copied with something that does not belong to it";
    for (variable, value, told) in [
        (
            "AWS_SECRET_ACCESS_KEY",
            "not-to-be-seen\n",
            "the secret access key (AWS_SECRET_ACCESS_KEY) ends with a line break",
        ),
        ("AWS_SECRET_ACCESS_KEY", "not-to-be-seen ", "the secret access key (AWS_SECRET_ACCESS_KEY) ends with a blank"),
        (
            "AWS_ACCESS_KEY_ID",
            "\u{feff}222222222222",
            "the access key id (AWS_ACCESS_KEY_ID) begins with the character U+FEFF",
        ),
        (
            "AWS_SESSION_TOKEN",
            "not-to\u{2011}be-seen",
            "the session token (AWS_SESSION_TOKEN) has the character U+2011 in it",
        ),
    ] {
        let spoke = scene.spoke.with(&[(variable, value)]);
        let ran = spoke.run(&["plan"]).await;
        refused(&ran, &format!("{told}: {copied}"), "hint: check the credentials");
        assert!(!ran.stderr.contains("to-be-seen") && !ran.stderr.contains("222222222222"), "{}", ran.stderr);
        let doctor = spoke.run(&["doctor"]).await;
        assert_eq!(doctor.code, 4, "{doctor:?}");
        let flat = doctor.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(told), "{}", doctor.stdout);
        let agent = scene.hub.with(&[(variable, value)]).run(&["publish"]).await;
        refused(&agent, told, "hint: check the credentials");
    }
}

/// What a person typed is told in plain words, and what is set already is not asked for.
#[tokio::test]
async fn a_command_line_with_a_mistake_is_told_what_is_left_to_give() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let usage = async |program: &Program, args: &[&str]| {
        let finished = program.run(args).await;
        assert_eq!(finished.code, 1, "{finished:?}");
        let line = finished.stderr.lines().find_map(|line| line.strip_prefix("Usage: ").map(str::to_owned));
        line.unwrap_or_else(|| panic!("{finished:?}"))
    };
    for (args, expected) in [
        (&["confirm"][..], "pmp-hub confirm <ORG> [VERSION]"),
        (&["pin"], "pmp-hub pin --reason <TEXT> <VERSION>"),
        (&["log"], "pmp-hub log <ORG>"),
    ] {
        assert_eq!(usage(&scene.hub, args).await, expected);
    }
    assert_eq!(usage(&scene.spoke, &["hold"]).await, "pmp-spoke hold --until <TIME> --reason <TEXT>");
    let wrong = scene.hub.run(&["versions", "--state", "held"]).await;
    refused(&wrong, "unexpected argument '--state' found", "Usage: ");
    assert!(!wrong.stderr.contains("statement-lifetime"), "{}", wrong.stderr);
    let pause = ["pause", "--all", "--reason", "r", "--until"];
    let until = scene.hub.run(&[&pause[..], &["tomorrow"]].concat()).await;
    refused(&until, "nor a moment (2026-12-01T06:00:00Z)", "--until");
    refused(&scene.hub.run(&["audit", "--last", "x"]).await, "'x' for '--last <N>': it is not a whole number", "");
    refused(&scene.hub.run(&["audit", "--last", "2000"]).await, "2000 is not from 1 to 1000", "");
    let mode = scene.spoke.with(&[("PMP_MODE", "obseve")]).run(&["plan"]).await;
    refused(&mode, "(PMP_MODE): `obseve` is neither `apply` nor `observe`; did you mean `observe`?", "");
    let empty = scene.hub.run(&["pin", "1", "--reason", ""]).await;
    refused(&empty, "--reason must not be empty", "");
    // Old spellings stay.
    for state in ["would_change", "would-change", "WOULD_CHANGE"] {
        assert_eq!(scene.hub.run(&["status", "--state", state]).await.code, 0, "{state}");
    }
    for sort in ["last-seen", "last_seen"] {
        assert_eq!(scene.hub.run(&["status", "--sort", sort]).await.code, 0, "{sort}");
    }
    let kinds = scene.hub.run(&["exceptions", "--kind", "heldd"]).await;
    refused(&kinds, "`heldd` is not one of `held`, `confirmed`, `paused`, `pinned`,", "did you mean `held`?");
    assert_eq!(scene.hub.run(&["exceptions", "--state", "held,set-aside"]).await.code, 0);
}

#[tokio::test]
async fn a_profile_that_is_not_there_does_not_become_the_role_of_the_machine() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("config");
    std::fs::write(&config, "[default]\nregion = us-east-1\n[profile hub-admin]\nregion = us-east-1\n").unwrap();
    let config = config.to_str().unwrap();
    // The keys of the environment stand for what the machine would give.
    let hub = scene.hub.with(&[("AWS_CONFIG_FILE", config), ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")]);
    let typo = hub.with(&[("AWS_PROFILE", "hub-amin")]);
    let told = "error: AWS_PROFILE names `hub-amin`, and there is no such profile";
    for command in [&["publish"][..], &["status"], &["init"]] {
        refused(&typo.run(command).await, told, "hint: the profiles are: default, hub-admin; unset AWS_PROFILE");
    }
    let doctor = typo.run(&["doctor"]).await;
    assert_eq!(doctor.code, 4, "{doctor:?}");
    let flat = doctor.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("AWS_PROFILE names `hub-amin`, and there is no such profile"), "{}", doctor.stdout);
    assert_eq!(hub.with(&[("AWS_PROFILE", "hub-admin")]).run(&["publish"]).await.code, 0);
    let none = scene.spoke.with(&[
        ("AWS_PROFILE", "spoke"),
        ("AWS_CONFIG_FILE", "/nowhere"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/nowhere"),
    ]);
    refused(
        &none.run(&["plan"]).await,
        "AWS_PROFILE names `spoke`",
        "hint: unset AWS_PROFILE to act as the role of the machine",
    );
}

#[tokio::test]
async fn an_experience_that_was_mistyped_is_told_with_the_one_that_was_meant() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let meant = "did you mean `exp-management`?";
    let hub = scene.hub.with(&[("PMP_EXPERIENCE_ID", "exp-managment")]);
    for command in [&["publish"][..], &["publish", "--dry-run"], &["history"], &["diff"], &["show"], &["show", "1"]] {
        let ran = hub.run(command).await;
        refused(&ran, "error: ", &format!("hint: {meant} See --experience-id (PMP_EXPERIENCE_ID)"));
    }
    Checkup::of(&hub).await.expect("catalog", "failed", "exp-managment", meant);
    let spoke = scene.spoke.with(&[("PMP_EXPERIENCE_ID", "exp-managment")]);
    let ran = spoke.run(&["run", "--stop-after", "2s"]).await;
    let warned = ran.stderr.contains("the ledger holds no snapshot of the experience that is followed");
    assert!(warned && ran.stderr.contains(meant), "{}", ran.stderr);
    let right = scene.spoke.run(&["run", "--stop-after", "1s"]).await;
    assert!(!right.stderr.contains("holds no snapshot"), "{}", right.stderr);
}

/// Such a text is no id at all, so the command line ends at it. The ledger knows which one was
/// meant.
#[tokio::test]
async fn an_id_of_another_length_or_shape_is_asked_back() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let hub = scene.hub.with(&[("PMP_MEMBER_ORGANIZATIONS", ALPHA)]);
    let meant = format!("hint: did you mean `{ALPHA}`?");
    for command in [
        &["log", "o-alfa0000"][..],
        &["why", "prod-a", "--org", "o-alpha0000-"],
        &["status", "--org=o-alpha0,o-alpha00000"],
        &["pause", "--org", "o-alpha0000_", "--until", "1h", "--reason", "r"],
        &["confirm", "alpha00000", "1"],
        &["members", "forget", "0-alpha00000"],
    ] {
        refused(&hub.run(command).await, "is not an organization id", &meant);
    }
    let member = hub.run(&["status", "--experience", "ex-alpha-prod"]).await;
    refused(&member, "is not an experience id", &format!("hint: did you mean `{ALPHA_PROD}`?"));
    // What is copied with more than the id needs no ledger.
    let nowhere = hub.without("PMP_TIMESTAMPS_TABLE");
    refused(&nowhere.run(&["log", "\"o-alpha00000\""]).await, "; did you mean `o-alpha00000`?", "code: E1755");
    refused(&nowhere.run(&["log", "o-alfa0000"]).await, "is not an organization id", "code: E1755");
    // Nothing looks like it.
    let strange = hub.run(&["log", "nobody"]).await;
    refused(&strange, "is not an organization id", "code: E1755");
    assert!(!strange.stderr.contains("did you mean"), "{}", strange.stderr);
}

#[tokio::test]
async fn the_hubs_role_is_a_role_of_an_account() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    for arn in ["arn:aws:iam::111111111111:user/member1", "arn:aws:iam::11111111111:role/member1"] {
        let ran = scene.spoke.with(&[("PMP_HUB_ROLE_ARN", arn)]).run(&["plan"]).await;
        let problem = format!("--hub-role-arn (PMP_HUB_ROLE_ARN): `{arn}` is not the ARN of a role");
        refused(&ran, &problem, "hint: correct");
    }
}

#[tokio::test]
async fn regions_endpoints_and_times_have_the_form_of_what_they_are() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let wrong = [
        ("AWS_REGION", "US East", "AWS_REGION is not a region such as us-east-1: \"US East\""),
        ("AWS_ENDPOINT_URL_DYNAMODB", "localhost:4566", "AWS_ENDPOINT_URL_DYNAMODB is not the URL of an endpoint"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:99999", "AWS_ENDPOINT_URL is not the URL of an endpoint"),
        ("AWS_ENDPOINT_URL", "http//localhost", "AWS_ENDPOINT_URL is not the URL of an endpoint"),
        ("PMP_OPERATION_TIMEOUT", "1 minute 30", "PMP_OPERATION_TIMEOUT is not a duration such as 5s or 2m"),
        ("PMP_ATTEMPT_TIMEOUT", "10s", "PMP_ATTEMPT_TIMEOUT is shorter than 22 s"),
    ];
    for (variable, value, told) in wrong {
        let hint = format!("hint: set {variable} to another value, or unset it");
        refused(&scene.hub.with(&[(variable, value)]).run(&["status"]).await, told, &hint);
        refused(&scene.spoke.with(&[(variable, value)]).run(&["plan"]).await, told, &hint);
    }
    for (variable, value) in [("AWS_REGION", ""), ("AWS_REGION", "us-east-1\n"), ("PMP_CONNECT_TIMEOUT", "")] {
        assert_eq!(scene.hub.with(&[(variable, value)]).run(&["publish"]).await.code, 0, "{variable}={value:?}");
    }
}

/// What a spoke says of a selection.
async fn selecting(spoke: &Program, selection: &str) -> Finished {
    spoke.with(&[("MEMBER_EXPERIENCE_IDS", selection)]).run(&["plan"]).await
}

#[tokio::test]
async fn a_selection_that_came_out_empty_is_not_everything() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    for empty in [",", ",,", " , "] {
        refused(
            &selecting(&scene.spoke, empty).await,
            "--member-experience-ids (MEMBER_EXPERIENCE_IDS): `",
            "holds no id",
        );
    }
    let told = "names the management experience alone, which is the one to follow";
    refused(&selecting(&scene.spoke, MANAGEMENT).await, told, "MEMBER_EXPERIENCE_IDS");
    for fine in ["", " ", ALPHA_PROD, &format!("{ALPHA_PROD},")] {
        assert_eq!(selecting(&scene.spoke, fine).await.code, 0, "{fine:?}");
    }
}

#[tokio::test]
async fn a_check_of_an_experience_that_nobody_knows_or_of_nobody_is_not_content() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    let unknown = scene.hub.run(&["status", "--check"]).await;
    refused(&unknown, "the ledger knows of no snapshot of `exp-management`", "hint: check --experience-id");
    scene.hub.json(&["publish"]).await;

    let mistyped = scene.hub.with(&[("PMP_EXPERIENCE_ID", "exp-managment")]);
    let told = "error: the ledger knows of no snapshot of `exp-managment`";
    refused(&mistyped.run(&["status", "--check"]).await, told, "hint: did you mean `exp-management`?");
    let shown = mistyped.run(&["status"]).await;
    assert_eq!((shown.code, shown.stderr.contains("did you mean `exp-management`?")), (0, true), "{shown:?}");

    let nobody = scene.hub.run(&["status", "--check"]).await;
    assert_eq!(nobody.code, 4, "{nobody:?}");
    assert!(nobody.stderr.contains("hint: no spoke has reported"), "{nobody:?}");
    assert_eq!(scene.hub.run(&["status", "--check", "--allow-empty"]).await.code, 0);
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 0);
}

/// `plan` and `status` write nothing: the hub would take an error that they met for one of the last
/// pass.
#[tokio::test]
async fn a_plan_with_a_mistyped_filter_tells_the_hub_nothing() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let before = scene.hub.json(&["status"]).await["signs_of_life"].clone();
    let mistyped = scene.spoke.with(&[("PMP_FILTER", "no-such-filter.wasm")]);
    assert_eq!(mistyped.run(&["plan"]).await.code, 1);
    assert_eq!(scene.hub.json(&["status"]).await["signs_of_life"], before);
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 0);
    // A pass says it.
    assert_eq!(mistyped.run(&["sync"]).await.code, 1);
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 4);
}

/// "Everywhere" needs a place, and an id that names nothing is not one.
#[tokio::test]
async fn a_mistyped_selection_is_not_green_anywhere() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let mistyped = scene.spoke.with(&[("MEMBER_EXPERIENCE_IDS", "exp-nope")]);
    assert_eq!(mistyped.run(&["sync"]).await.code, 1);
    assert_eq!(mistyped.run(&["plan"]).await.code, 1);
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 4);
    assert_eq!(scene.hub.run(&["wait", "--timeout", "1s"]).await.code, 4);
    // Mended, what the mistake left does not stay red, and does not count as a place either.
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    assert_eq!(scene.hub.run(&["status", "--check"]).await.code, 0);
    assert_eq!(scene.hub.run(&["status", "--check", "--stale-after", "1s"]).await.code, 0);
    assert_eq!(scene.hub.run(&["wait", "--timeout", "1s"]).await.code, 0);
}

/// Whatever a person may mistype is asked back, where something known looks like it.
#[tokio::test]
async fn the_name_that_was_meant_is_asked_for_each_kind_of_name() {
    let mut scene = Scene::start(world(&["prod-scanner"], &[])).await;
    let waves = format!(
        "[[waves]]\nname = \"canary\"\norganizations = [\"{ALPHA}\"]\n[[waves]]\nname = \"all\"\nshare = 100\n"
    );
    scene.hub = scene.hub.with(&[("PMP_WAVES", &waves), ("PMP_MEMBER_ORGANIZATIONS", ALPHA)]);
    scene.hub.json(&["publish"]).await;
    assert_eq!(scene.spoke.run(&["sync"]).await.code, 0);
    let mistyped_organization = "o-alpha00001";
    let asks_back = async |arguments: &[&str], meant: &str| {
        let finished = scene.hub.run(arguments).await;
        assert!(finished.stderr.contains(meant), "{arguments:?}: {finished:?}");
    };
    asks_back(&["confirm", mistyped_organization, "1"], "`o-alpha00000`?").await;
    asks_back(&["confirm", ALPHA, "1", "--member-experience", "exp-alpha-prdo"], "`exp-alpha-prod`?").await;
    // The first snapshot is for everybody: waves begin with the next one.
    scene.hub_account.approve(MANAGEMENT, &["prod-viewer"]).await;
    scene.hub.json(&["publish"]).await;
    for (arguments, meant) in [
        (&["status", "--org", mistyped_organization][..], "`o-alpha00000`?"),
        (&["exceptions", "--org", mistyped_organization], "`o-alpha00000`?"),
        (&["members", "--org", mistyped_organization], "`o-alpha00000`?"),
        (&["report", "--csv", "--org", mistyped_organization], "`o-alpha00000`?"),
        (&["log", mistyped_organization], "`o-alpha00000`?"),
        (&["why", "prod-scanner", "--org", mistyped_organization], "`o-alpha00000`?"),
        (&["status", "--experience", "exp-alpha-prdo"], "`exp-alpha-prod`?"),
        (&["status", "--wave", "canray"], "`canary`?"),
        (&["pin", "1", "--wave", "canray", "--reason", "it is mistyped"], "`canary`?"),
        (&["why", "prod-scaner"], "prod-scanner"),
        (&["explain", "E401O"], "`E4010`?"),
        (&["statsu"], "'status'"),
        (&["status", "--stat", "held"], "'--state'"),
        (&["status", "--state", "helt"], "did you mean `held`?"),
        (&["members", "--state", "nevr"], "did you mean `never`?"),
        (&["status", "--sort", "organisation"], "'organization'"),
        (&["run", "--metrics", "alram"], "did you mean `alarms`?"),
        (&["notify", "--notify-format", "chatbt"], "did you mean `chatbot`?"),
        (&["publish", "--product-attributes=ture"], "did you mean `true`?"),
        (&["publish", "--waves", "[[waves]]\nname = \"all\"\nshares = 100\n"], "did you mean `share`?"),
        (&["members", "forget", mistyped_organization, mistyped_organization], "`o-alpha00000`?"),
        (&["status", "-o", "jsno"], "'json'"),
        (&["status", "--experience-id", "exp-managment"], "`exp-management`?"),
    ] {
        asks_back(arguments, meant).await;
    }
    for (variable, value, meant) in [
        ("PMP_FILTER", "exclude-vendor", "`exclude-vendors`?"),
        ("PMP_FILTER_SHARE", "setings", "`settings`?"),
        ("PMP_PRODUCT_ATTRIBUTES", "hbu", "`hub`?"),
        ("PMP_PRODUCT_ID_LIMIT", "requst", "`request`?"),
        ("PMP_MODE", "aply", "`apply`?"),
        ("PMP_DRIFT", "heel", "`heal`?"),
        ("PMP_SYNC_SETTINGS", "treu", "`true`?"),
        ("PMP_CATALOG_RATES", "start-changeset=3", "`start-change-set`?"),
        ("PMP_CHANGE_WINDOWS", "Mon 22:00-04:00 Europe/Berln", "`Europe/Berlin`?"),
        ("PMP_FILTERS", r#"[{"experience": ["exp-alpha-prod"], "filter": "exclude-ids"}]"#, "`experiences`?"),
        ("MEMBER_EXPERIENCE_IDS", "exp-alpha-prdo", "`exp-alpha-prod`?"),
    ] {
        let refused = scene.spoke.with(&[(variable, value)]).run(&["plan"]).await;
        let asked = refused.stderr.contains(&format!("did you mean {meant}")) || refused.stdout.contains(meant);
        assert!(asked, "{variable}: {refused:?}");
    }
    let local = Program::new("pmp-local", &[("AWS_ENDPOINT_URL", &scene.endpoint())]);
    for (arguments, meant) in [
        (&["fault", "add", "latncy"][..], "'latency'"),
        (&["fault", "add", "lost-answer", "--service", "dynamo-db"], "`dynamodb`?"),
        (&["fault", "add", "lost-answer", "--operation", "StartChangeSets"], "`StartChangeSet`?"),
        (&["world", "example", "--format", "tml"], "'toml'"),
    ] {
        let refused = local.run(arguments).await;
        assert!(refused.stderr.contains(meant), "{arguments:?}: {refused:?}");
    }
    let tool = Program::new("pmp-filter", &[]).run(&["inspect", "exclude-vendor"]).await;
    assert!(tool.stderr.contains("did you mean `exclude-vendors`?"), "{tool:?}");
    let world = concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/local/data/world.toml");
    let who = local.run(&["env", "Memebr", "--world", world]).await;
    assert!(who.stderr.contains("did you mean `Member`?"), "{who:?}");
}

/// A command that takes another one says which there are, and it is no error that is told.
#[tokio::test]
async fn a_bare_command_prints_its_help() {
    for (name, command) in [
        ("pmp-hub", &[][..]),
        ("pmp-hub", &["config"]),
        ("pmp-spoke", &[]),
        ("pmp-spoke", &["config"]),
        ("pmp-filter", &[]),
        ("pmp-local", &[]),
        ("pmp-local", &["world"]),
        ("pmp-local", &["fault"]),
        ("pmp-local", &["state"]),
    ] {
        let finished = Program::new(name, &[]).run(command).await;
        let told = finished.stderr.contains("Usage: ") && finished.stderr.contains("Commands:");
        assert!(told && !finished.stderr.contains("error:"), "{name} {command:?}: {finished:?}");
        // A script may have lost its argument.
        assert_eq!((finished.code, finished.stdout.as_str()), (1, ""), "{name} {command:?}");
    }
}

/// No incident of the ledger is told where a person mistypes a number.
#[tokio::test]
async fn a_snapshot_that_is_not_there_is_told_with_those_that_are() {
    let scene = Scene::start(world(&["prod-0"], &[])).await;
    scene.hub.json(&["publish"]).await;
    for number in 1..=4 {
        scene.hub_account.approve(MANAGEMENT, &[format!("prod-{number}").as_str()]).await;
        scene.hub.json(&["publish", "--keep-versions", "3"]).await;
    }
    let pin = |version| ["pin", version, "--reason", "it is mistyped", "--no-announce"];
    let commands = |version| {
        [
            pin(version).to_vec(),
            vec!["show", version],
            vec!["diff", version, "5"],
            vec!["why", "prod-0", "--at", version],
        ]
    };
    for (version, told) in [
        ("9", "error: the ledger has no snapshot 9: the newest is 5\n"),
        ("1", "error: the ledger does not keep snapshot 1 any more: it keeps 3 to 5\n"),
    ] {
        for command in commands(version) {
            let ran = scene.hub.run(&command).await;
            refused(&ran, told, "hint: `pmp-hub history` lists the versions that are kept (PMP_KEEP_VERSIONS)");
            assert!(ran.stderr.starts_with(told) && ran.stderr.contains("code: E4071"), "{command:?}: {}", ran.stderr);
        }
    }
}

/// One that was mistyped among several is not replaced by another one that is named as well.
#[tokio::test]
async fn the_experience_that_was_meant_is_looked_for_in_the_catalog() {
    let mut world = world(&["prod-a"], &[]);
    for id in ["exp-alpha", "exp-gamma"] {
        let policy = ProcurementPolicy::new(&format!("policy-{id}"));
        world.organizations[0].experiences.push(Experience::new(id, id).with_policy(policy));
    }
    let scene = Scene::start(world).await;
    let hub = scene.hub.without("PMP_EXPERIENCE_ID");
    assert_eq!(hub.with(&[("PMP_EXPERIENCES", "exp-alpha")]).run(&["publish"]).await.code, 0);
    let mistyped = hub.with(&[("PMP_EXPERIENCES", "exp-alpha,exp-gama")]);
    let told = "did you mean `exp-gamma`? See --experiences (PMP_EXPERIENCES)";
    let published = mistyped.run(&["publish"]).await;
    refused(&published, "`exp-gama`", &format!("hint: {told}"));
    assert!(!published.stderr.contains("`exp-alpha`?"), "{}", published.stderr);
    let doctor = mistyped.run(&["doctor"]).await;
    let flat = doctor.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains(told) && !flat.contains("export PMP_EXPERIENCE_ID"), "{}", doctor.stdout);
}

/// Whom the hub admits means nothing for an experience that does not exist.
#[tokio::test]
async fn what_was_meant_comes_before_all_other_advice() {
    let scene = Scene::start(world(&["prod-a"], &[])).await;
    scene.hub.json(&["publish"]).await;
    let mistyped = scene.hub.with(&[("PMP_EXPERIENCE_ID", "exp-managment")]);
    for command in ["status", "versions", "drift", "exceptions"] {
        let hints = mistyped.run(&[command]).await.stderr;
        let meant = "hint: did you mean `exp-management`? See --experience-id (PMP_EXPERIENCE_ID)\n";
        assert!(hints.starts_with(meant) && !hints.contains("nobody is admitted"), "{command}: {hints}");
    }
}
