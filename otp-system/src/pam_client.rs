//! libpam as a program uses it that wants to know who somebody is: one transaction, on the stacks of a directory of its own
//! (pam_start_confdir(3)).
//!
//! libpam is loaded when it is asked for and is not linked: the way back in for root (`otpctl emergency`) must start on a host
//! whose libpam is broken, and a libpam before 1.4 has no such function.

#![expect(unsafe_code, reason = "libpam is C, and calls back with C's arrays")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt;
use std::mem::{size_of, transmute_copy};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::ptr::null_mut;

use zeroize::Zeroizing;

/// The person's end of a conversation.
pub trait PamPerson {
    /// An answer, or `None` where there is none: then the conversation fails.
    fn ask(&mut self, prompt: &str, echo: PromptEcho) -> Option<Zeroizing<String>>;
    /// A text that wants no answer.
    fn tell(&mut self, text: &str);
}

/// Whether what is typed may be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromptEcho {
    /// It may.
    Shown,
    /// It may not.
    Hidden,
}

/// A value that a program tells libpam about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PamItem {
    /// The terminal.
    Tty,
    /// The host that the person comes from.
    RemoteHost,
    /// The account of the person who asks.
    RemoteUser,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PamClientError {
    /// libpam cannot be loaded, or lacks what is wanted of it; what.
    Library(String),
    /// A name has a NUL.
    Name,
    /// libpam answered with this code, which is not success.
    Code(u8),
}

/// One transaction, which ends on drop.
pub struct PamTransaction<'a> {
    library: PamLibrary,
    handle: *mut c_void,
    last: c_int,
    /// libpam holds its address as long as the transaction lasts.
    _person: Box<PersonPlace<'a>>,
}

/// Where `converse` finds the person.
struct PersonPlace<'a>(&'a mut dyn PamPerson);

impl<'a> PamTransaction<'a> {
    /// Begins one for `user` in this service, whose file is in `directory`.
    pub fn begin(
        service: &str,
        user: &str,
        directory: &Path,
        person: &'a mut dyn PamPerson,
    ) -> Result<Self, PamClientError> {
        let library = PamLibrary::load()?;
        let (service, user) = (text(service.as_bytes())?, text(user.as_bytes())?);
        let directory = text(directory.as_os_str().as_bytes())?;
        let (mut person, mut handle) = (Box::new(PersonPlace(person)), null_mut());
        let conversation = ClientConversation { call: converse, context: (&raw mut *person).cast() };
        // SAFETY: the texts are NUL-terminated and outlive the call, and so does the conversation, which libpam copies; what its
        // context points to lives in a box of the transaction that this returns.
        let code = unsafe {
            (library.start)(
                service.as_ptr(),
                user.as_ptr(),
                &raw const conversation,
                directory.as_ptr(),
                &raw mut handle,
            )
        };
        succeeded(code)?;
        Ok(Self { library, handle, last: code, _person: person })
    }

    /// Tells libpam of the program.
    pub fn set(&mut self, item: PamItem, value: &str) -> Result<(), PamClientError> {
        let number = match item {
            PamItem::Tty => 3,
            PamItem::RemoteHost => 4,
            PamItem::RemoteUser => 8,
        };
        let value = text(value.as_bytes())?;
        // SAFETY: the handle is that of this transaction; libpam copies the NUL-terminated text, which outlives the call.
        succeeded(unsafe { (self.library.set_item)(self.handle, number, value.as_ptr().cast()) })
    }

    /// Runs the stage `auth`.
    pub fn authenticate(&mut self) -> Result<(), PamClientError> {
        // SAFETY: the handle is that of this transaction, and nobody else uses it.
        self.last = unsafe { (self.library.authenticate)(self.handle, 0) };
        succeeded(self.last)
    }

    /// Runs the stage `account`.
    pub fn check_account(&mut self) -> Result<(), PamClientError> {
        // SAFETY: the handle is that of this transaction, and nobody else uses it.
        self.last = unsafe { (self.library.account)(self.handle, 0) };
        succeeded(self.last)
    }

    /// Runs the stage `password`, as for somebody who changes a password by choice.
    pub fn change_password(&mut self) -> Result<(), PamClientError> {
        // SAFETY: the handle is that of this transaction, and nobody else uses it.
        self.last = unsafe { (self.library.password)(self.handle, 0) };
        succeeded(self.last)
    }
}

impl Drop for PamTransaction<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is that of this transaction, which is used no more.
        let code = unsafe { (self.library.end)(self.handle, self.last) };
        let _: c_int = code; // there is nothing left to end
    }
}

/// struct pam_message (pam_conv(3)).
#[repr(C)]
struct ClientMessage {
    style: c_int,
    text: *const c_char,
}

/// struct pam_response.
#[repr(C)]
struct ClientResponse {
    text: *mut c_char,
    unused: c_int,
}

type Converse = unsafe extern "C" fn(c_int, *mut *const ClientMessage, *mut *mut ClientResponse, *mut c_void) -> c_int;

/// struct pam_conv.
#[repr(C)]
struct ClientConversation {
    call: Converse,
    context: *mut c_void,
}

type StartCall = unsafe extern "C" fn(
    *const c_char,
    *const c_char,
    *const ClientConversation,
    *const c_char,
    *mut *mut c_void,
) -> c_int;
type SetItemCall = unsafe extern "C" fn(*mut c_void, c_int, *const c_void) -> c_int;
type StageCall = unsafe extern "C" fn(*mut c_void, c_int) -> c_int;

/// The functions of libpam, which stays loaded until the program ends: modules may leave threads or handlers behind.
struct PamLibrary {
    start: StartCall,
    set_item: SetItemCall,
    authenticate: StageCall,
    account: StageCall,
    password: StageCall,
    end: StageCall,
}

impl PamLibrary {
    fn load() -> Result<Self, PamClientError> {
        // SAFETY: the name is NUL-terminated; what libpam and its libraries do when they are loaded is what every program with
        // PAM lets them do.
        let loaded = unsafe { libc::dlopen(NAME.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
        if loaded.is_null() {
            return Err(PamClientError::Library(format!("{} cannot be loaded", NAME.to_string_lossy())));
        }
        let has = |symbol: &CStr| {
            // SAFETY: the library was loaded above and is never unloaded; the name is NUL-terminated.
            let found = unsafe { libc::dlsym(loaded, symbol.as_ptr()) };
            let lacks = || PamClientError::Library(format!("this libpam has no {}(3)", symbol.to_string_lossy()));
            if found.is_null() { Err(lacks()) } else { Ok(found) }
        };
        Ok(Self {
            // SAFETY: this is the type of the function in security/pam_appl.h.
            start: unsafe { as_function(has(c"pam_start_confdir")?) },
            // SAFETY: as above.
            set_item: unsafe { as_function(has(c"pam_set_item")?) },
            // SAFETY: as above.
            authenticate: unsafe { as_function(has(c"pam_authenticate")?) },
            // SAFETY: as above.
            account: unsafe { as_function(has(c"pam_acct_mgmt")?) },
            // SAFETY: as above.
            password: unsafe { as_function(has(c"pam_chauthtok")?) },
            // SAFETY: as above.
            end: unsafe { as_function(has(c"pam_end")?) },
        })
    }
}

/// The address of a function as a function.
///
/// # Safety
///
/// `F` is the type of the function that is there.
unsafe fn as_function<F: Copy>(found: *mut c_void) -> F {
    const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
    // SAFETY: both are an address, and the caller vouches for the type.
    unsafe { transmute_copy(&found) }
}

/// The function that libpam and its modules call to speak with the person.
unsafe extern "C" fn converse(
    count: c_int,
    messages: *mut *const ClientMessage,
    answers: *mut *mut ClientResponse,
    context: *mut c_void,
) -> c_int {
    let Some(count) = usize::try_from(count).ok().filter(|count| (1..=MOST_MESSAGES).contains(count)) else {
        return CONV_ERR;
    };
    // SAFETY: libpam hands on an array of so many pointers (pam_conv(3)).
    let messages = unsafe { std::slice::from_raw_parts(messages, count) };
    // SAFETY: the context is the box of the transaction, which lives, and nobody else uses it during a call of libpam.
    let person = unsafe { &mut *context.cast::<PersonPlace<'_>>() };
    let mut found: Vec<*mut c_char> = Vec::with_capacity(count);
    for message in messages {
        // SAFETY: each pointer is to a message that outlives the call.
        let message = unsafe { &**message };
        match reply(person.0, message) {
            Ok(answer) => found.push(answer),
            Err(()) => {
                found.into_iter().for_each(forget);
                return CONV_ERR;
            }
        }
    }
    // SAFETY: plain numbers, of which all zeros are values; null is looked for.
    let array = unsafe { libc::calloc(count, size_of::<ClientResponse>()) }.cast::<ClientResponse>();
    if array.is_null() {
        found.into_iter().for_each(forget);
        return BUF_ERR;
    }
    for (number, text) in found.into_iter().enumerate() {
        // SAFETY: the array has `count` places, and there are as many answers.
        let place = unsafe { array.add(number) };
        // SAFETY: the place is in the array and nobody else's.
        unsafe { place.write(ClientResponse { text, unused: 0 }) };
    }
    // SAFETY: libpam gives a place for the array, which is from malloc and libpam's from now on.
    unsafe { answers.write(array) };
    0
}

/// The answer to one message, from malloc; null where none is wanted.
fn reply(person: &mut dyn PamPerson, message: &ClientMessage) -> Result<*mut c_char, ()> {
    if message.text.is_null() {
        return Err(());
    }
    // SAFETY: the text of a message is NUL-terminated and outlives the call.
    let text = unsafe { CStr::from_ptr(message.text) }.to_string_lossy();
    let echo = match message.style {
        PROMPT_ECHO_OFF => PromptEcho::Hidden,
        PROMPT_ECHO_ON => PromptEcho::Shown,
        ERROR_MSG | TEXT_INFO => {
            person.tell(&text);
            return Ok(null_mut());
        }
        _ => return Err(()),
    };
    let typed = person.ask(&text, echo).ok_or(())?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(typed.len().saturating_add(1)));
    bytes.extend_from_slice(typed.as_bytes());
    bytes.push(0);
    let answer = CStr::from_bytes_with_nul(&bytes).map_err(|_| ())?;
    // SAFETY: the text is NUL-terminated.
    let copy = unsafe { libc::strdup(answer.as_ptr()) };
    if copy.is_null() { Err(()) } else { Ok(copy) }
}

/// Wipes an answer that nobody takes, and frees it.
fn forget(answer: *mut c_char) {
    if answer.is_null() {
        return;
    }
    // SAFETY: it is from strdup and NUL-terminated.
    let length = unsafe { libc::strlen(answer) };
    // SAFETY: so many bytes are there, and nobody else's.
    unsafe { libc::explicit_bzero(answer.cast(), length) };
    // SAFETY: it is from malloc, and nothing refers to it any more.
    unsafe { libc::free(answer.cast()) };
}

fn text(bytes: &[u8]) -> Result<CString, PamClientError> {
    CString::new(bytes).map_err(|_| PamClientError::Name)
}

fn succeeded(code: c_int) -> Result<(), PamClientError> {
    if code == 0 { Ok(()) } else { Err(PamClientError::Code(u8::try_from(code).unwrap_or(u8::MAX))) }
}

impl fmt::Display for PamClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Library(what) => write!(f, "{what}; wanted Linux-PAM 1.4 or later"),
            Self::Name => write!(f, "a name has a NUL; wanted none"),
            Self::Code(code) => write!(f, "libpam answered {code}; wanted 0"),
        }
    }
}

impl std::error::Error for PamClientError {}

/// The library, by the name of its interface.
const NAME: &CStr = c"libpam.so.0";
/// PAM_MAX_NUM_MSG.
const MOST_MESSAGES: usize = 32;

// The styles of messages, and the codes that a conversation returns (security/_pam_types.h).
const PROMPT_ECHO_OFF: c_int = 1;
const PROMPT_ECHO_ON: c_int = 2;
const ERROR_MSG: c_int = 3;
const TEXT_INFO: c_int = 4;
const BUF_ERR: c_int = 5;
const CONV_ERR: c_int = 19;

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers every prompt with the same text, and keeps what was told.
    struct Scripted(Option<&'static str>, Vec<String>);

    impl PamPerson for Scripted {
        fn ask(&mut self, prompt: &str, echo: PromptEcho) -> Option<Zeroizing<String>> {
            self.1.push(format!("{prompt}{echo:?}"));
            self.0.map(|text| Zeroizing::new(text.to_owned()))
        }

        fn tell(&mut self, text: &str) {
            self.1.push(text.to_owned());
        }
    }

    /// A directory with one stack in it, which is removed on drop.
    struct Stacks(std::path::PathBuf);

    impl Stacks {
        fn new(name: &str, stack: &str) -> Self {
            let directory = std::env::temp_dir().join(format!("otp-pam-client-{}-{name}", std::process::id()));
            std::fs::create_dir_all(&directory).expect("made");
            std::fs::write(directory.join("tried"), stack).expect("written");
            Self(directory)
        }
    }

    impl Drop for Stacks {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn tried(stacks: &Stacks, person: &mut Scripted) -> [Result<(), PamClientError>; 2] {
        let mut transaction = PamTransaction::begin("tried", "root", &stacks.0, person).expect("begun");
        transaction.set(PamItem::Tty, "tty1").expect("set");
        [transaction.authenticate(), transaction.check_account()]
    }

    #[test]
    fn each_stage_is_answered_by_the_stack_of_the_directory() {
        let stacks = Stacks::new("stages", "auth required pam_permit.so\naccount required pam_deny.so\n");
        let [authenticated, account] = tried(&stacks, &mut Scripted(None, Vec::new()));
        assert_eq!(authenticated, Ok(()));
        assert!(matches!(account, Err(PamClientError::Code(1..))));
    }

    #[test]
    fn texts_reach_the_person() {
        let message = std::env::temp_dir().join(format!("otp-pam-client-{}-message", std::process::id()));
        std::fs::write(&message, "hear, hear").expect("written");
        let stack = format!("auth optional pam_echo.so file={}\nauth required pam_permit.so\n", message.display());
        let mut person = Scripted(None, Vec::new());
        let [authenticated, _] = tried(&Stacks::new("texts", &stack), &mut person);
        std::fs::remove_file(message).expect("removed");
        assert_eq!((authenticated, person.1), (Ok(()), vec!["hear, hear".to_owned()]));
    }

    /// libpam passes over the difference between several messages and one: here are several, of every kind.
    #[test]
    fn answers_are_handed_over_in_their_order_and_none_if_one_is_missing() {
        let messages = [(PROMPT_ECHO_OFF, c"Password: "), (TEXT_INFO, c"look"), (PROMPT_ECHO_ON, c"Name: ")];
        let messages = messages.map(|(style, text)| ClientMessage { style, text: text.as_ptr() });
        for (typed, code) in [(Some("öpen"), 0), (None, CONV_ERR), (Some("a\0b"), CONV_ERR)] {
            let mut pointers = messages.each_ref().map(std::ptr::from_ref);
            let (mut person, mut answers) = (Scripted(typed, Vec::new()), null_mut());
            let mut place = PersonPlace(&mut person);
            // SAFETY: three messages, a place for the answers, and the context that `begin` gives.
            let found =
                unsafe { converse(3, pointers.as_mut_ptr(), &raw mut answers, (&raw mut place).cast::<c_void>()) };
            assert_eq!(found, code);
            if code != 0 {
                continue;
            }
            assert_eq!(person.1, ["Password: Hidden", "look", "Name: Shown"]);
            // SAFETY: after success the array has three places.
            let given = unsafe { std::slice::from_raw_parts(answers, 3) };
            assert!(given[1].text.is_null());
            for one in [given[0].text, given[2].text] {
                // SAFETY: an answer is NUL-terminated.
                assert_eq!(unsafe { CStr::from_ptr(one) }.to_str(), Ok("öpen"));
                forget(one);
            }
            // SAFETY: the array is from malloc.
            unsafe { libc::free(answers.cast()) };
        }
    }

    #[test]
    fn a_name_with_a_nul_is_refused() {
        let mut person = Scripted(None, Vec::new());
        let begun = PamTransaction::begin("tri\0ed", "root", Path::new("/nowhere"), &mut person);
        assert_eq!(begun.err(), Some(PamClientError::Name));
    }
}
