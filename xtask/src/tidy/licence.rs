//! Licence expressions, as they stand in manifests: SPDX, and the older `MIT/Apache-2.0`.

/// The licences under which others' code may be part of presenced. All let the product be given
/// away under its own licences. A licence goes in here after it was read, never to make a check
/// pass.
pub(super) const ALLOWED: [&str; 8] = [
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "Unicode-3.0",
    "Zlib",
];

/// Whether the terms of `expression` can be met with listed licences alone.
pub(super) fn is_allowed(expression: &str) -> Result<bool, String> {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (allowed, rest) = either(&words)?;
    match rest {
        [] => Ok(allowed),
        [word, ..] => Err(format!("`{word}` is one word too many")),
    }
}

/// `a OR b OR …`, which one may choose from. Answers with the words after it.
fn either<'a>(words: &'a [&'a str]) -> Result<(bool, &'a [&'a str]), String> {
    let (mut allowed, mut rest) = all(words)?;
    while let ["OR", after @ ..] = rest {
        let next = all(after)?;
        allowed |= next.0;
        rest = next.1;
    }
    Ok((allowed, rest))
}

/// `a AND b AND …`, which all have to be met; it binds more tightly than `OR`.
fn all<'a>(words: &'a [&'a str]) -> Result<(bool, &'a [&'a str]), String> {
    let (mut allowed, mut rest) = one(words)?;
    while let ["AND", after @ ..] = rest {
        let next = one(after)?;
        allowed &= next.0;
        rest = next.1;
    }
    Ok((allowed, rest))
}

/// A licence, with or without an exception, or an expression in parentheses.
fn one<'a>(words: &'a [&'a str]) -> Result<(bool, &'a [&'a str]), String> {
    match words {
        ["(", inner @ ..] => match either(inner)? {
            (allowed, [")", rest @ ..]) => Ok((allowed, rest)),
            _ => Err("a parenthesis is not closed".to_owned()),
        },
        [] | ["AND" | "OR" | "WITH" | ")", ..] => Err("a licence is missing".to_owned()),
        [name, "WITH", exception, rest @ ..] => {
            let whole = format!("{name} WITH {exception}");
            Ok((ALLOWED.contains(&whole.as_str()), rest))
        }
        [name, rest @ ..] => Ok((ALLOWED.contains(name), rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Choices, sums, parentheses, exceptions and the old slash are read as they are meant.
    #[test]
    fn expressions() {
        let check = |expression: &str, expect: bool| {
            assert_eq!(is_allowed(expression), Ok(expect), "{expression}");
        };
        check("MIT", true);
        check("GPL-3.0-only", false);
        check("MIT/Apache-2.0", true);
        check("LGPL-2.1-or-later OR MIT", true);
        check("MIT AND GPL-3.0-only", false);
        check("GPL-3.0-only OR MIT AND ISC", true);
        check("(GPL-3.0-only OR MIT) AND ISC", true);
        check("(GPL-3.0-only OR MIT) AND BUSL-1.1", false);
        check("Apache-2.0 WITH LLVM-exception", true);
        check("MIT WITH LLVM-exception", false);
    }

    /// What is no expression is said to be none, never allowed by accident.
    #[test]
    fn nonsense_is_refused() {
        for nonsense in [
            "", "OR", "MIT OR", "AND MIT", "(MIT", "MIT)", "MIT ISC", "MIT WITH",
        ] {
            assert!(is_allowed(nonsense).is_err(), "{nonsense}");
        }
    }
}
