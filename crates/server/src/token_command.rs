//! `presenced token`: an access token of a running `presenced dev`, for the command line.

use std::error::Error;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use reqwest::{Certificate, Client, redirect};
use serde::Deserialize;

use crate::cli::TokenArgs;
use crate::config::read_bounded;
use crate::exit::Failure;
use crate::identity_provider::directory;
use crate::output;

/// A file of certificate authorities larger than this is none.
const CA_FILE_BYTES_MAX: u64 = 1024 * 1024;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(30);

/// An answer of the token endpoint, good or bad.
#[derive(Deserialize)]
struct Answer {
    access_token: Option<String>,
    error_description: Option<String>,
}

/// Asks for a token and prints it, and nothing else.
pub(crate) async fn run(args: TokenArgs) -> Result<(), Failure> {
    let form = form(&args).map_err(Failure::Usage)?;
    let client = client(&args).map_err(Failure::Usage)?;
    let token = ask(&client, &args.server, &form).await;
    let token = token.map_err(Failure::Unexpected)?;
    output::print(&format!("{token}\n"));
    Ok(())
}

/// What is sent: the known secrets are filled in where none are given.
fn form(args: &TokenArgs) -> anyhow::Result<Vec<(&'static str, String)>> {
    let app = match &args.app {
        Some(app) => app.clone(),
        None => directory::APPLICATIONS[0].id.to_string(),
    };
    let secret = args.secret.clone().or_else(|| known_secret(&app));
    let secret = secret.with_context(|| {
        format!("{app} is none of the built-in applications; give its secret with --secret")
    })?;
    let mut form = vec![("client_id", app), ("client_secret", secret)];
    match &args.user {
        None => {
            form.push(("grant_type", "client_credentials".to_owned()));
            form.push(("scope", "https://graph.microsoft.com/.default".to_owned()));
        }
        Some(user) => {
            let password = args.password.as_deref().unwrap_or(directory::PASSWORD);
            form.push(("grant_type", "password".to_owned()));
            form.push(("username", user.clone()));
            form.push(("password", password.to_owned()));
            form.push(("scope", args.scope.clone()));
        }
    }
    Ok(form)
}

fn known_secret(app: &str) -> Option<String> {
    let known = directory::APPLICATIONS.iter();
    let mut known = known.filter(|known| known.id.to_string().eq_ignore_ascii_case(app));
    known.next().map(|known| known.secret.to_owned())
}

/// A client that goes to the given server and nowhere else: secrets are in what it sends.
fn client(args: &TokenArgs) -> anyhow::Result<Client> {
    let mut client = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT);
    if let Some(path) = &args.ca {
        let pem = read_bounded(path, CA_FILE_BYTES_MAX)
            .with_context(|| format!("cannot read {}", path.display()))?;
        let authorities = Certificate::from_pem_bundle(&pem)
            .with_context(|| format!("{} holds no certificate in PEM", path.display()))?;
        client = client.tls_certs_only(authorities);
    }
    Ok(client.build()?)
}

async fn ask(
    client: &Client,
    server: &str,
    form: &[(&'static str, String)],
) -> anyhow::Result<String> {
    let server = server.trim_end_matches('/');
    let url = format!("{server}/{}/oauth2/v2.0/token", directory::TENANT);
    let response = client.post(&url).form(form).send().await;
    let response = response.map_err(|error| unreachable(server, error))?;
    let status = response.status();
    let answer = response.json::<Answer>().await.with_context(|| {
        format!("{server} answered {status} without a token; is `presenced dev` what runs there?")
    })?;
    match (answer.access_token, answer.error_description) {
        (Some(token), _) => Ok(token),
        (None, Some(problem)) => bail!("no token: {problem}"),
        (None, None) => bail!("{server} answered {status} without a token and without a reason"),
    }
}

/// What to do about a server that was not reached depends on what stood in the way.
fn unreachable(server: &str, error: reqwest::Error) -> anyhow::Error {
    let remedy = if error.is_builder() {
        "give the server as a URL, as in --server http://127.0.0.1:8080".to_owned()
    } else if is_about_tls(&error) {
        "TLS fails; if it made its certificate itself, name the authority that it printed at \
         start with --ca FILE"
            .to_owned()
    } else if error.is_timeout() {
        "it did not answer in time".to_owned()
    } else {
        "start it with `presenced dev`, or say with --server where it runs".to_owned()
    };
    anyhow!(error.without_url()).context(format!("cannot reach {server}: {remedy}"))
}

/// Whether TLS is among the causes. An I/O error hides what it wraps from its own chain of sources,
/// so it is opened.
fn is_about_tls(error: &(dyn Error + 'static)) -> bool {
    if error.is::<rustls::Error>() {
        return true;
    }
    let io = error.downcast_ref::<std::io::Error>();
    let wrapped = io.and_then(std::io::Error::get_ref);
    wrapped.is_some_and(|wrapped| is_about_tls(wrapped)) || error.source().is_some_and(is_about_tls)
}
