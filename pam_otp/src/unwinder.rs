//! The unwinder's question to the C library, answered here.
//!
//! The unwinder of GCC 12 and later asks `_dl_find_object` (dlfcn.h), which glibc has since 2.35: a module linked with it would
//! not load on EL 9. `dl_iterate_phdr` (dl_iterate_phdr(3)) knows the same and is as old as glibc 2.2.4. The search takes longer,
//! and only a panic needs it. Built with the feature `recent-glibc`, the module asks the C library instead.

use std::ffi::{c_int, c_void};
use std::ptr::null_mut;

// Hidden, so that neither the host nor another library ever meets the name. `no_mangle` would export it from a cdylib.
#[cfg(target_arch = "x86_64")]
std::arch::global_asm!(".globl _dl_find_object", ".hidden _dl_find_object", "_dl_find_object: jmp {}", sym find_object);
#[cfg(target_arch = "aarch64")]
std::arch::global_asm!(".globl _dl_find_object", ".hidden _dl_find_object", "_dl_find_object: b {}", sym find_object);

/// struct dl_find_object (dlfcn.h) of x86_64 and aarch64; on i386 it has one member more.
#[repr(C)]
struct FoundObject {
    flags: u64,
    map_start: *const c_void,
    map_end: *const c_void,
    link_map: *mut c_void,
    eh_frame: *const c_void,
    reserved: [u64; 7],
}

const _: () = assert!(size_of::<FoundObject>() == 96); // as tests/arm64 has it from the header

/// The object that is mapped at `address`, if it has a table of its frames: 0, else -1.
extern "C" fn find_object(address: *const c_void, result: *mut FoundObject) -> c_int {
    let mut search = ObjectSearch { address: address.addr(), found: None };
    // SAFETY: `look_at` takes what dl_iterate_phdr hands it, and its third argument is `search`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(look_at), (&raw mut search).cast()) };
    let Some(found) = search.found else { return -1 };
    // SAFETY: the caller's place for one struct dl_find_object, aligned and its own.
    unsafe { result.write(found) };
    0
}

struct ObjectSearch {
    address: usize,
    found: Option<FoundObject>,
}

/// One object; 1 ends the search.
unsafe extern "C" fn look_at(object: *mut libc::dl_phdr_info, _: usize, search: *mut c_void) -> c_int {
    // SAFETY: the address that `find_object` gave, of an ObjectSearch that nothing else uses meanwhile.
    let search = unsafe { &mut *search.cast::<ObjectSearch>() };
    // SAFETY: dl_iterate_phdr(3) keeps it for the time of this call.
    let object = unsafe { &*object };
    // SAFETY: so many headers are there, mapped as long as the object is.
    let headers = unsafe { std::slice::from_raw_parts(object.dlpi_phdr, object.dlpi_phnum.into()) };
    let place = |header: &libc::Elf64_Phdr| (object.dlpi_addr as usize).wrapping_add(header.p_vaddr as usize);
    let is_here = |header: &&libc::Elf64_Phdr| {
        header.p_type == libc::PT_LOAD && search.address.wrapping_sub(place(header)) < header.p_memsz as usize
    };
    let Some(segment) = headers.iter().find(is_here) else { return 0 };
    let start = place(segment);
    search.found = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME).map(|table| FoundObject {
        flags: 0,
        map_start: std::ptr::with_exposed_provenance(start),
        map_end: std::ptr::with_exposed_provenance(start.wrapping_add(segment.p_memsz as usize)),
        link_map: null_mut(),
        eh_frame: std::ptr::with_exposed_provenance(place(table)),
        reserved: [0; 7],
    });
    1
}

#[cfg(test)]
mod tests {
    use std::ptr::null;

    use super::*;

    unsafe extern "C" {
        fn _dl_find_object(address: *const c_void, result: *mut FoundObject) -> c_int;
    }

    fn asked(address: *const c_void) -> Option<FoundObject> {
        let mut place = std::mem::MaybeUninit::uninit();
        // SAFETY: it writes one struct there, or answers -1.
        let answer = unsafe { _dl_find_object(address, place.as_mut_ptr()) };
        // SAFETY: 0 says that it has written.
        (answer == 0).then(|| unsafe { place.assume_init() })
    }

    #[test]
    fn a_function_is_in_the_object_that_has_its_frames() {
        for function in [asked as *const c_void, libc::getpid as *const c_void] {
            let found = asked(function).unwrap();
            assert!((found.map_start..found.map_end).contains(&function));
            // SAFETY: the first byte of a table of frames, which is mapped.
            let version = unsafe { found.eh_frame.cast::<u8>().read() };
            assert_eq!(version, 1, "the one that a table of frames begins with");
        }
    }

    #[test]
    fn memory_that_is_no_object_has_none() {
        let heap = Box::new(0_u8);
        for address in [null(), (&raw const *heap).cast(), std::ptr::without_provenance(usize::MAX)] {
            assert!(asked(address).is_none());
        }
    }

    #[test]
    fn a_panic_is_caught_through_it() {
        assert!(std::panic::catch_unwind(|| std::panic::resume_unwind(Box::new(()))).is_err());
    }
}
