//! What the command line says when it is asked, and when it is misused.

use std::net::TcpListener;

use insta::assert_snapshot;
use serde_json::Value;

use crate::support::{APPLICATION, Running, USER, client, outcome, presence};

/// The help is the reference of the command line, exit codes included.
#[test]
fn help() {
    assert_snapshot!(outcome(&["--help"]), @r"
    exit code 0
    --- stdout
    A presence server that answers the Microsoft Graph presence API

    Usage: presenced <COMMAND>

    Commands:
      dev     Run for development: its own identity provider, a clock that can be moved, fixed users
      serve   Run for production, as a configuration file says
      config  Show, check or print the configuration of `serve`
      token   Print an access token of a running `presenced dev`
      help    Print this message or the help of the given subcommand(s)

    Options:
      -h, --help     Print help
      -V, --version  Print version

    Exit codes:
      0  done, or stopped by a first SIGINT or SIGTERM
      1  any other error
      2  wrong usage or configuration
      3  cannot start: address in use, data locked or damaged, certificate unreadable
      4  stopped at once by a second signal, with requests under way
    --- stderr
    ");
}

/// The help of `dev` tells each default.
#[test]
fn help_of_dev() {
    assert_snapshot!(outcome(&["dev", "--help"]), @r"
    exit code 0
    --- stdout
    Run for development: its own identity provider, a clock that can be moved, fixed users

    Usage: presenced dev [OPTIONS]

    Options:
          --listen <ADDRESS>
              Where to listen. Everybody who reaches this address can have a token
              
              [default: 127.0.0.1:8080]

          --public-url <URL>
              The address that clients use, where it is another: scheme, host and, if need be, port and path

          --data <DIRECTORY>
              Keep the data in this directory. Without it, data is in memory and gone at exit

          --tls
              Speak HTTPS, with a certificate that is made and kept

          --tls-cert <FILE>
              Speak HTTPS with this certificate chain (PEM)

          --tls-key <FILE>
              The private key of the certificate (PEM)

          --durability <DURABILITY>
              What an answered write survives, with --data

              Possible values:
              - process: The end of the program at any moment
              - disk:    Also the loss of power
              
              [default: process]

          --sessions <SESSIONS>
              How sessions are named

              Possible values:
              - own: By the client id of the application that sets them, as with Microsoft Graph
              - any: By any text, for a session per device or source
              
              [default: own]

          --directory <DIRECTORY>
              Whether every GUID is a user, or those of the directory alone

              Possible values:
              - open:   Every GUID is a user
              - closed: The users of the directory
              
              [default: open]

          --time-zone <ZONE>
              Where a day ends at midnight, by its IANA name: a work location holds until then
              
              [default: UTC]

          --cloud <CLOUD>
              Be as Graph is in this cloud: global, us-government, us-government-dod, us-nat, us-sec, france, china, germany or singapore
              
              [default: global]

          --throttling [<LIMITS>]
              Let only so many requests of an application through: as many as Graph does, or others, as in `presence_reads=3/1s,presence_writes=off`. Without it, all

          --notify-network <NETWORK>
              Let notifications go into this network, also without TLS, besides this machine and the public internet: for receivers in containers, as in 172.16.0.0/12. Can be given several times

          --log <LEVEL>
              What is logged: error, warn, info, debug or trace, also as `info,presenced_store=debug`
              
              [default: info]

      -h, --help
              Print help (see a summary with '-h')
    --- stderr
    ");
}

/// The help of `token` tells what is filled in.
#[test]
fn help_of_token() {
    assert_snapshot!(outcome(&["token", "--help"]), @r#"
    exit code 0
    --- stdout
    Print an access token of a running `presenced dev`

    Usage: presenced token [OPTIONS]

    Options:
          --app <CLIENT_ID>      The application that holds the token, by its client id. With --user: application 1 unless given
          --secret <SECRET>      The application's secret. Known for the built-in applications
          --user <UPN>           A user to sign in, by user principal name; the token is then a delegated one
          --password <PASSWORD>  The user's password. Known for the built-in users
          --scope <SCOPE>        What the user lets the application do [default: "Presence.ReadWrite Presence.Read.All"]
          --server <URL>         Where `presenced dev` runs [default: http://127.0.0.1:8080]
          --ca <FILE>            A certificate authority to trust (PEM), such as the one that `presenced dev --tls` names
      -h, --help                 Print help
    --- stderr
    "#);
}

/// Wrong usage is exit code 2, with what to write instead.
#[test]
fn misuse() {
    assert_snapshot!(outcome(&[]).lines().next().unwrap(), @"exit code 2");
    assert_snapshot!(outcome(&["dev", "--listen", "localhost"]), @r"
    exit code 2
    --- stdout
    --- stderr
    error: invalid value 'localhost' for '--listen <ADDRESS>': must be an IP address or localhost, with port, as in 127.0.0.1:8080 or [::]:8080

    For more information, try '--help'.
    ");
    assert_snapshot!(outcome(&["dev", "--tls-cert", "cert.pem"]), @r"
    exit code 2
    --- stdout
    --- stderr
    error: the following required arguments were not provided:
      --tls-key <FILE>

    Usage: presenced dev --tls-cert <FILE> --tls-key <FILE>

    For more information, try '--help'.
    ");
    assert_snapshot!(outcome(&["dev", "--log", "loud"]), @r"
    exit code 2
    --- stdout
    --- stderr
    error: invalid value 'loud' for '--log <LEVEL>': expected error, warn, info, debug or trace, or targets with levels as in info,presenced_store=debug

    For more information, try '--help'.
    ");
    assert_snapshot!(outcome(&["token"]), @r"
    exit code 2
    --- stdout
    --- stderr
    error: the following required arguments were not provided:
      --app <CLIENT_ID>

    Usage: presenced token --app <CLIENT_ID>

    For more information, try '--help'.
    ");
}

/// A port that is in use is told with the setting to change.
#[test]
fn a_port_in_use() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let refused = outcome(&["dev", "--listen", &address]).replace(&address, "ADDRESS");
    assert_snapshot!(refused, @r"
    exit code 3
    --- stdout
    --- stderr
    presenced: cannot listen on ADDRESS: another program listens there; stop it, or set another by --listen: Address already in use (os error 98)
    ");
}

/// `presenced token` prints a token that works, of an application and of a user.
#[tokio::test]
async fn tokens() {
    let server = Running::dev(&[]);
    let client = client();
    let token = server.application_token();
    assert_eq!(
        presence(&client, &server.base, &token).await,
        "Offline/Offline"
    );

    let token = server.token(&["--user", "adele@presenced.dev", "--scope", "Presence.Read"]);
    let own = client
        .get(server.url("/v1.0/me/presence"))
        .bearer_auth(&token);
    let own: Value = own.send().await.unwrap().json().await.unwrap();
    assert_eq!(own["id"], USER);
}

/// What can go wrong with `presenced token`, each with its way out.
#[test]
fn tokens_that_are_not_to_be_had() {
    let server = Running::dev(&[]);
    let ask = |arguments: &[&str]| {
        let mut all = vec!["token", "--server", &server.base];
        all.extend(arguments);
        outcome(&all)
    };
    assert_snapshot!(ask(&["--app", "b0a7"]), @r"
    exit code 2
    --- stdout
    --- stderr
    presenced: b0a7 is none of the built-in applications; give its secret with --secret
    ");
    let wrong_secret = ask(&["--app", APPLICATION, "--secret", "guess"]);
    assert!(wrong_secret.contains("AADSTS7000215"), "{wrong_secret}");
    assert!(
        wrong_secret.starts_with("exit code 1\n--- stdout\n---"),
        "{wrong_secret}"
    );
    let nobody = ask(&["--user", "nobody@presenced.dev"]);
    assert!(nobody.contains("AADSTS"), "{nobody}");

    let free = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let url = format!("http://{free}");
    let not_running = outcome(&["token", "--app", APPLICATION, "--server", &url]);
    assert!(
        not_running.contains("start it with `presenced dev`"),
        "{not_running}"
    );
    let no_url = outcome(&["token", "--app", APPLICATION, "--server", "localhost"]);
    assert!(no_url.contains("give the server as a URL"), "{no_url}");
}
