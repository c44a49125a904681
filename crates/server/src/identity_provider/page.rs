//! The few pages that a person sees: plain HTML, no scripts, everything escaped.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::error::{OAuthError, no_store};

/// The value of the button that signs in; any other declines.
pub(super) const ALLOW: &str = "allow";

/// A page under construction. Text goes in escaped only.
pub(super) struct Page {
    title: String,
    body: String,
    is_form: bool,
}

impl Page {
    /// A page that only says something.
    pub(super) fn message(title: &str, text: &str) -> Self {
        Self {
            title: escaped(title),
            body: format!("<p>{}</p>", escaped(text)),
            is_form: false,
        }
    }

    /// A form that is posted to the page's own address, without its query.
    pub(super) fn form(title: &str, fault: Option<&str>) -> Self {
        let mut page = Self::form_to("?", title);
        if let Some(fault) = fault {
            page.add(&format!("<p role=\"alert\">{}</p>", escaped(fault)));
        }
        page
    }

    /// A form that is posted elsewhere.
    pub(super) fn form_to(action: &str, title: &str) -> Self {
        Self {
            title: escaped(title),
            body: format!("<form method=\"post\" action=\"{}\">", escaped(action)),
            is_form: true,
        }
    }

    /// A field that is only carried on.
    pub(super) fn hidden(mut self, name: &str, value: &str) -> Self {
        let (name, value) = (escaped(name), escaped(value));
        self.add(&format!(
            "<input type=\"hidden\" name=\"{name}\" value=\"{value}\">"
        ));
        self
    }

    /// A field to fill in.
    pub(super) fn input(mut self, label: &str, name: &str, value: &str) -> Self {
        let (label, name, value) = (escaped(label), escaped(name), escaped(value));
        self.add(&format!(
            "<label>{label} <input name=\"{name}\" value=\"{value}\" autocomplete=\"off\" \
             required></label>"
        ));
        self
    }

    /// User name, password, and the two ways to go on.
    pub(super) fn credentials(self, name: &str) -> Self {
        let mut page = self.input("User name", "username", name);
        page.add(&format!(
            "<label>Password <input type=\"password\" name=\"password\"></label>\
             <p><button name=\"decision\" value=\"{ALLOW}\">Sign in</button> \
             <button name=\"decision\" value=\"decline\" formnovalidate>Decline</button></p>\
             <p>This is a development server. Every password is \u{201c}dev\u{201d}.</p>"
        ));
        page
    }

    /// The only button.
    pub(super) fn submit(mut self, label: &str) -> Self {
        self.add(&format!("<p><button>{}</button></p>", escaped(label)));
        self
    }

    /// The finished page.
    pub(super) fn answer(self, status: StatusCode) -> Response {
        let Self {
            title,
            body,
            is_form,
        } = self;
        let end = if is_form { "</form>" } else { "" };
        let html = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\
             <style>body{{font:16px/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;\
             padding:0 1rem}}label,input{{display:block;width:100%;box-sizing:border-box;\
             margin-bottom:.5rem}}input,button{{font:inherit;padding:.4rem}}\
             [role=alert]{{color:#a00}}</style></head>\
             <body><h1>{title}</h1>{body}{end}</body></html>"
        );
        let mut response = (status, Html(html)).into_response();
        let headers = response.headers_mut();
        no_store(headers);
        for (name, value) in [
            (
                header::CONTENT_SECURITY_POLICY,
                "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; \
                 base-uri 'none'",
            ),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        response
    }

    fn add(&mut self, html: &str) {
        self.body.push_str(html);
    }
}

/// A page for an error that cannot be sent back to the application.
pub(super) fn failure(error: &OAuthError) -> Response {
    Page::message("This did not work", &error.description()).answer(error.status())
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
