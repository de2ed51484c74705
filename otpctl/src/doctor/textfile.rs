//! The report as a file for the textfile collector of Prometheus' node exporter: every id with its count, so that a series never vanishes.

use std::io;
use std::path::Path;

use otp_core::root_file;
use otp_core::unix_time::UnixTime;

use super::ids::FindingId;
use super::report::Report;

/// Writes it over an earlier one, in one step, with mode 0644.
pub(crate) fn write(path: &Path, report: &Report, now: UnixTime) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::IsADirectory))?;
    let aside = path.with_file_name(format!(".{}.new", name.to_string_lossy()));
    root_file::replace(path, &aside, &metrics(report, now), 0o644)
}

fn metrics(report: &Report, now: UnixTime) -> String {
    let mut text = String::from(
        "# HELP otp_doctor_findings How often otpctl doctor found what otpctl(1) lists by this id.\n\
         # TYPE otp_doctor_findings gauge\n",
    );
    for id in FindingId::ALL {
        let (name, severity, count) = (id.id(), id.gravity().word(), report.count(*id));
        text.push_str(&format!("otp_doctor_findings{{id=\"{name}\",severity=\"{severity}\"}} {count}\n"));
    }
    let status = report.exit_code();
    text.push_str(&format!(
        "# HELP otp_doctor_status The exit code of otpctl doctor: 0 ok, 1 warning, 2 critical, 3 unknown.\n\
         # TYPE otp_doctor_status gauge\n\
         otp_doctor_status {status}\n\
         # HELP otp_doctor_run_timestamp_seconds When otpctl doctor looked.\n\
         # TYPE otp_doctor_run_timestamp_seconds gauge\n\
         otp_doctor_run_timestamp_seconds {now}\n"
    ));
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt as _, symlink};

    use super::*;
    use crate::doctor::finding::DoctorFinding;

    #[test]
    fn every_id_has_a_number_and_nothing_is_written_through_a_link() {
        let directory = std::env::temp_dir().join(format!("otpctl-textfile-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (path, other) = (directory.join("otp.prom"), directory.join("other"));
        std::fs::write(&other, "mine").unwrap();
        symlink(&other, &path).unwrap();
        symlink(&other, directory.join(".otp.prom.new")).unwrap();
        let mut report = Report::default();
        report.add(DoctorFinding::run(FindingId::DiskFull, "", ""));
        write(&path, &report, UnixTime::new(1_795_301_571)).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains("otp_doctor_findings{id=\"disk-full\",severity=\"critical\"} 1\n"), "{text}");
        assert_eq!(text.matches("otp_doctor_findings{").count(), FindingId::ALL.len());
        assert!(text.contains("\notp_doctor_status 2\n") && text.ends_with("_seconds 1795301571\n"), "{text}");
        let about = std::fs::symlink_metadata(&path).unwrap();
        assert_eq!((about.is_file(), about.mode() & 0o7777), (true, 0o644));
        assert_eq!(std::fs::read_to_string(&other).unwrap(), "mine");
        std::fs::remove_dir_all(directory).unwrap();
    }
}
