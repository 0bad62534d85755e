use super::*;
use proptest::prelude::*;

#[test]
fn url_passes_only_with_https_and_an_s3_host() {
    let good = [
        ("aws", "https://cloudformation-custom-resource-response-useast1.s3.us-east-1.amazonaws.com/k?X=1"),
        ("aws", "https://cloudformation-custom-resource-response-useast1.s3.amazonaws.com/k"),
        ("aws", "https://cloudformation-custom-resource-response-euwest1.s3-eu-west-1.amazonaws.com/k"),
        ("aws", "https://b.s3.dualstack.eu-west-1.amazonaws.com:443/k"),
        ("aws", "https://s3.eu-west-1.amazonaws.com/b/k"),
        ("aws-us-gov", "https://b.s3.us-gov-west-1.amazonaws.com/k"),
        ("aws-cn", "https://b.s3.cn-north-1.amazonaws.com.cn/k"),
        ("aws-iso", "https://b.s3.us-iso-east-1.c2s.ic.gov/k"),
        ("aws-eusc", "https://b.s3.eusc-de-east-1.amazonaws.eu/k"),
        ("aws", "HTTPS://B.S3.US-EAST-1.AMAZONAWS.COM/k"),
    ];
    for (partition, url) in good {
        assert_eq!(ResponseUrl::new(url).check(&Partition::new(partition)), Ok(()), "{url}");
    }
    let bad = [
        ("aws", "http://b.s3.us-east-1.amazonaws.com/k"),
        ("aws", "https://evil.example/b.s3.us-east-1.amazonaws.com"),
        ("aws", "https://b.s3.us-east-1.amazonaws.com.evil.example/k"),
        ("aws", "https://b.s3.us-east-1.amazonaws.com@evil.example/k"),
        ("aws", "https://evil.example\\@b.s3.us-east-1.amazonaws.com/k"),
        ("aws", "https://evil.example#.s3.us-east-1.amazonaws.com/k"),
        ("aws", "https://xs3.amazonaws.com.evil/k"),
        ("aws", "https://evils3.amazonaws.com/k"),
        ("aws", "https://ec2.us-east-1.amazonaws.com/k"),
        ("aws", "https://s3.a.b.c.execute-api.amazonaws.com/k"),
        ("aws", "https://b.s3.cn-north-1.amazonaws.com.cn/k"),
        ("aws-cn", "https://b.s3.us-east-1.amazonaws.com/k"),
        ("aws", "https://169.254.169.254/s3.amazonaws.com"),
        ("aws", "file:///etc/passwd"),
        ("aws", ""),
        // The parser rejects these: they are not URLs.
        ("aws", "https://"),
        ("aws", "https://b.s3.amazonaws.com:99999/k"),
        ("aws", "https://b .s3.amazonaws.com/k"),
        ("aws", "b.s3.amazonaws.com/k"),
        // The parser reads another host in these.
        ("aws", "https://b.s3.us-east-1.amazonaws.com:443@evil.example/k"),
        ("aws", "https://evil.example/@b.s3.us-east-1.amazonaws.com/k"),
        ("aws", "https://evil.example?b.s3.us-east-1.amazonaws.com"),
        ("aws", "https://b.s3.amazonaws.com./k"),
        ("aws", "https://[::1]/s3.amazonaws.com"),
        // The parser reads an S3 host in these, but they do not have the form of S3 URLs.
        ("aws", "https://user@b.s3.us-east-1.amazonaws.com/k"),
        ("aws", "https://@b.s3.us-east-1.amazonaws.com/k"),
        ("aws", "https://b.s3.us-east-1.amazonaws.com\\@evil.example/k"),
        ("aws", "https://b.s3.us-east-1.amazonaws.com\\k"),
        ("aws", "https://b.s3.us-east-1.amazonaws.com/k@evil.example"),
        ("aws", "https://b.s3.us-east-1.amazonaws.com:8443/k"),
        ("aws", "https:b.s3.us-east-1.amazonaws.com/k"),
        ("aws", "https:\\\\b.s3.us-east-1.amazonaws.com/k"),
        ("aws", "https:///b.s3.us-east-1.amazonaws.com/k"),
        ("aws", " https://b.s3.us-east-1.amazonaws.com/k"),
        ("aws", "https://b.s3.us-east-1.amazonaws.co\tm/k"),
        ("aws", "https://b.s3.us-east-1.amazonaws.com\t/k"),
        ("aws", "https://b.s3.us-east-1.amazonaws%2Ecom/k"),
        ("aws", "https://b.s3.us-east-1.amazonaws。com/k"),
        ("aws", "https://é.s3.us-east-1.amazonaws.com/k"),
    ];
    for (partition, url) in bad {
        assert!(ResponseUrl::new(url).check(&Partition::new(partition)).is_err(), "{url}");
    }
}

#[test]
fn url_error_names_the_broken_rule() {
    let check = |url: &str| ResponseUrl::new(url).check(&Partition::new("aws"));
    assert_eq!(check("http://b.s3.amazonaws.com/k"), Err(InvalidResponseUrl::NotTls));
    for (url, host) in [("https://b.s3.amazonaws.com@Evil.example/k", "evil.example"), ("https://", "")] {
        let expected = InvalidResponseUrl::NotS3 { host: host.to_owned(), suffix: "amazonaws.com" };
        assert_eq!(check(url), Err(expected), "{url}");
    }
    assert_eq!(check("https://user@b.s3.amazonaws.com/k"), Err(InvalidResponseUrl::NotPlain));
}

/// Returns the date of a URL with this query, in seconds since 1970.
fn issued(query: &str) -> Option<i64> {
    ResponseUrl::new(format!("https://h/k?{query}")).issued_at().map(Timestamp::as_second)
}

#[test]
fn url_query_has_the_date_of_the_event() {
    assert_eq!(issued("X-Amz-Date=19700102T000001Z&X-Amz-Expires=7200"), Some(86_401));
    assert_eq!(issued("a=b&X-Amz-Date=20260228T235959Z"), Some(1_772_323_199));
    assert_eq!(issued("a&x-amz-date=20240229T000000Z"), Some(1_709_164_800));
    assert_eq!(issued("Signature=s&Expires=1458241868"), Some(1_458_234_668));
    // The fragment is not part of the query.
    assert_eq!(issued("X-Amz-Date=19700102T000001Z#k"), Some(86_401));
    assert_eq!(issued("X-Amz-Signature=s#?X-Amz-Date=19700102T000001Z"), None);
}

/// jiff reads a leap second as the second before.
#[test]
fn leap_second_counts_as_the_second_before() {
    assert_eq!(issued("X-Amz-Date=20161231T235960Z"), issued("X-Amz-Date=20161231T235959Z"));
    assert_eq!(issued("X-Amz-Date=20161231T235959Z"), Some(1_483_228_799));
}

#[test]
fn date_in_any_other_form_is_none() {
    let dates = [
        "",
        "yesterday",
        "20261301T000000Z",
        "20260001T000000Z",
        "20260100T000000Z",
        "20260132T000000Z",
        "20260230T000000Z",
        "20260101T240000Z",
        "20260101T006000Z",
        "20260101T000061Z",
        "99991231T235959Z",
        "20260101T000000",
        "20260101t000000Z",
        "20260101T000000z",
        "20260101 000000Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:0Z",
        "20260101T000000Z0",
        "20260101T000000%5A",
        "020260101T00000Z",
        "+2026101T000000Z",
        "-2026101T000000Z",
        "2026+101T000000Z",
        "2026 101T000000Z",
        "é0260102T15040Z",
    ];
    for date in dates {
        assert_eq!(issued(&format!("X-Amz-Date={date}")), None, "{date}");
    }
    for query in ["", "X-Amz-Date", "X%2DAmz-Date=20260101T000000Z", "X-Amz-Date=&Expires=1458241868"] {
        assert_eq!(issued(query), None, "{query}");
    }
    for expires in ["", "soon", "1.5", "%31458241868", "9223372036854775807", "-9223372036854775808"] {
        assert_eq!(issued(&format!("Expires={expires}")), None, "{expires}");
    }
    for url in ["", "k?X-Amz-Date=20260101T000000Z", "https://?X-Amz-Date=20260101T000000Z"] {
        assert_eq!(ResponseUrl::new(url).issued_at(), None, "{url}");
    }
}

proptest! {
    /// Covers every whole second of the years 0 to 9999 that jiff can represent.
    #[test]
    fn date_is_read_as_it_is_formatted(second in -62_167_219_200_i64..253_402_207_200) {
        let date = Timestamp::from_second(second).unwrap();
        prop_assert_eq!(parse_date(&date.strftime(DATE_FORM).to_string()), Some(date));
    }

    /// If a text is read, jiff's formatter writes the same text from the date.
    #[test]
    fn date_is_read_from_the_exact_form_only(text in "[0-2][0-9+ -]{2}[0-9][0-9+ -][0-9][0-9+ -][0-9][Tt ][0-9 ][0-9][0-9:][0-9][0-9+ ][0-9][Zz]") {
        if let Some(date) = parse_date(&text) {
            prop_assert_eq!(date.strftime(DATE_FORM).to_string(), text.replace("60Z", "59Z"));
        }
    }

    /// Any text is accepted, and neither `Debug` nor `Display` shows its query.
    #[test]
    fn any_text_is_accepted_and_hides_its_query(start in "(https?:/?/?)?[a-z.@:\\\\]{0,12}", rest in any::<String>()) {
        let url = ResponseUrl::new(format!("{start}{rest}?X-Amz-Signature=secret"));
        let _ = (url.issued_at(), url.check(&Partition::new("aws")));
        let shown = format!("{url} {url:?}");
        prop_assert!(!shown.contains("secret"), "{}", shown);
    }
}

#[test]
fn url_debug_and_display_hide_the_query() {
    let url = ResponseUrl::new("https://b.s3.amazonaws.com/key?X-Amz-Signature=secret");
    for shown in [format!("{url}"), format!("{url:?}")] {
        assert!(!shown.contains("secret") && shown.contains("b.s3.amazonaws.com"), "{shown}");
    }
}
